package report

import (
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/svg"
	"github.com/lapse-test/lapse/results/text"
)

// stripRow is the height of a fault in the strip, in pixels.
const stripRow = 20.0

// faultStrip has a bar for each fault: from its injection until it was seen to be
// healed, with the moment in which it took effect and those of failovers. Nil if there
// was neither a fault nor a failover.
func faultStrip(h *history.History, length history.Time) *chart {
	failovers := slices.ContainsFunc(h.Events, func(e history.Event) bool { return e.Kind == history.EventFailover })
	if len(h.Faults) == 0 && !failovers {
		return nil
	}
	inner := chartWidth - chartLeft - chartRight
	x := func(t float64) float64 { return chartLeft + inner*t/float64(length) }
	tall := stripRow * float64(max(1, len(h.Faults)))
	c := chart{Title: "Faults", Note: "from the injection until seen to be healed; the line in a bar is when it took effect"}
	var s svg.Drawing
	s.Open("c-faults", "chart strip", "Faults over the time of the run", chartWidth, chartTop+tall+chartBottom)
	for i := range h.Faults {
		f := &h.Faults[i]
		y, x1, x2 := faultBar(f, i, x, length)
		s.Text("axis y", chartLeft-8, y+14, fmt.Sprintf("F%d", f.ID))
		s.Line("grid", chartLeft, y+stripRow, chartWidth-chartRight, y+stripRow)
		class := "fault-bar"
		if f.TookEffect == 0 {
			class += " void"
		}
		s.Rect(class, x1, y+3, x2-x1, stripRow-6, 3)
		if f.TookEffect != 0 {
			s.Line("took-effect", x(float64(f.TookEffect)), y+3, x(float64(f.TookEffect)), y+stripRow-3)
		}
		s.Tip(x1, y, max(x2-x1, 8), stripRow, fmt.Sprintf("fault %d: %s", f.ID, text.Fault(f)))
	}
	moments(&s, h, x, chartTop, chartTop+tall)
	faultNames(&s, h, x, length)
	for _, t := range timeMarks(float64(length) / 1e9) {
		s.Text("axis x", x(t*1e9), chartTop+tall+18, number(t)+" s")
	}
	c.SVG = s.Close()
	return &c
}

// faultBar is where the bar of fault i stands: the top of its row, and its two ends.
func faultBar(f *history.Fault, i int, x func(float64) float64, length history.Time) (y, x1, x2 float64) {
	end := float64(length)
	if f.Healed != 0 {
		end = float64(f.Healed)
	}
	return chartTop + stripRow*float64(i), x(float64(f.Injected)), x(end)
}

// faultNames writes the names of the faults, above whatever marks cross them: each behind its bar, before it where there is no
// room, else inside.
func faultNames(s *svg.Drawing, h *history.History, x func(float64) float64, length history.Time) {
	for i := range h.Faults {
		f := &h.Faults[i]
		y, x1, x2 := faultBar(f, i, x, length)
		if at := x2 + 6; at+8*float64(len(f.Name)) < chartWidth-chartRight {
			s.Text("fault-name", at, y+14, f.Name)
		} else if x1-6-7*float64(len(f.Name)) > chartLeft {
			s.Text("fault-name before", x1-6, y+14, f.Name)
		} else {
			s.Text("fault-name inside", x1+6, y+14, svg.Short(f.Name, max(4, int((x2-x1)/8))))
		}
	}
}

// moments marks the failovers.
func moments(s *svg.Drawing, h *history.History, x func(float64) float64, top, bottom float64) {
	for _, e := range h.Events {
		if e.Kind != history.EventFailover {
			continue
		}
		at := x(float64(e.At))
		s.Line("moment", at, top-4, at, bottom)
		s.Path("moment-head", fmt.Sprintf("M%.1f %.1fl5 -8h-10z", at, top+2))
		s.Tip(at-5, top-10, 10, bottom-top+10, fmt.Sprintf("%s: %s", text.Seconds(e.At), e.Text))
	}
}
