package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/svg"
)

// chart is one figure over the time of the run, drawn with the fault windows.
type chart struct {
	Title, Note string
	SVG         string
	Legend      []legend
}

type legend struct{ Class, Text string }

// The measures of a chart.
const (
	chartWidth  = 1080.0
	chartHeight = 190.0
	chartLeft   = 62.0
	chartRight  = 14.0
	chartTop    = 22.0
	chartBottom = 26.0
)

type series struct {
	class  string
	name   string
	unit   string
	values []float64
}

// plane is the part of a chart in which lines are drawn.
type plane struct {
	svg.Drawing
	b         *bins
	low, high float64
	log       bool
	marks     []float64
}

const (
	chartInner = chartWidth - chartLeft - chartRight
	chartTall  = chartHeight - chartTop - chartBottom
)

// drawChart draws series over the bins; top 0 means as high as the values.
func drawChart(h *history.History, b *bins, id, title, note string, log bool, top float64, list ...series) chart {
	p := plane{b: b, log: log}
	p.scale(top, list)
	p.Open(id, "chart", title, chartWidth, chartHeight)
	backdrop(&p.Drawing, h, id, p.x, b.length, b.loadEnd)
	p.axes()
	for _, l := range list {
		p.line(l)
	}
	p.tips(list)
	c := chart{Title: title, Note: note, SVG: p.Close()}
	for _, l := range list {
		c.Legend = append(c.Legend, legend{l.class, l.name})
	}
	return c
}

// scale chooses what the height stands for. What comes after the load, such as a burst of
// final reads, does not set it.
func (p *plane) scale(top float64, list []series) {
	p.low, p.high = 0, top
	for _, s := range list {
		for i, v := range s.values {
			if math.IsNaN(v) || history.Time(i)*p.b.width > p.b.loadEnd {
				continue
			}
			if top == 0 {
				p.high = max(p.high, v)
			}
			if p.log && v > 0 && (p.low == 0 || v < p.low) {
				p.low = v
			}
		}
	}
	if p.log {
		p.low, p.high, p.marks = logScale(p.low, p.high)
	} else {
		p.high, p.marks = linearScale(p.high)
	}
}

// x is the place of a time in nanoseconds.
func (p *plane) x(t float64) float64 { return chartLeft + chartInner*t/float64(p.b.length) }

// y is the place of a value.
func (p *plane) y(v float64) float64 {
	r := min(v/p.high, 1)
	if p.log {
		r = (math.Log10(max(v, p.low)) - math.Log10(p.low)) / (math.Log10(p.high) - math.Log10(p.low))
		r = min(r, 1)
	}
	return chartTop + chartTall*(1-r)
}

// backdrop is what all charts over time have behind their values: the windows of faults, with their numbers where there is
// room, failovers, and the end of the load.
func backdrop(d *svg.Drawing, h *history.History, id string, x func(float64) float64, length, loadEnd history.Time) {
	free := 0.0
	for i := range h.Faults {
		f := &h.Faults[i]
		end := float64(length)
		if f.Healed != 0 {
			end = float64(f.Healed)
		}
		x1, x2 := x(float64(f.Injected)), x(end)
		d.Band(id, "fault-band", x1, chartTop, x2-x1, chartTall, fmt.Sprintf("fault %d: %s", f.ID, f.Name))
		if x1 >= free {
			d.Text("fault-name", x1+2, chartTop-6, fmt.Sprintf("F%d", f.ID))
			free = x1 + 24
		}
	}
	moments(d, h, x, chartTop, chartTop+chartTall)
	if loadEnd < length {
		at := x(float64(loadEnd))
		d.Line("load-end", at, chartTop, at, chartTop+chartTall)
		d.Tip(at-3, chartTop, 6, chartTall, "the load ends; what follows are final reads")
	}
}

func (p *plane) axes() {
	for _, m := range p.marks {
		p.Line("grid", chartLeft, p.y(m), chartWidth-chartRight, p.y(m))
		p.Text("axis y", chartLeft-8, p.y(m)+4, number(m))
	}
	for _, t := range timeMarks(float64(p.b.length) / 1e9) {
		p.Text("axis x", p.x(t*1e9), chartHeight-8, number(t)+" s")
	}
}

// line draws one series; where it has no values there is a gap.
func (p *plane) line(l series) {
	var d strings.Builder
	pen := "M"
	for i, v := range l.values {
		if math.IsNaN(v) {
			pen = "M"
			continue
		}
		// The last bin may be cut by the end of the run: its middle is then
		// beyond it.
		at := p.x(min((float64(i)+0.5)*float64(p.b.width), float64(p.b.length)))
		if pen == "M" && (i+1 == len(l.values) || math.IsNaN(l.values[i+1])) {
			p.Circle("point "+l.class, at, p.y(v), 2.5) // a line of one point cannot be seen
		}
		fmt.Fprintf(&d, "%s%.1f %.1f", pen, at, p.y(v))
		pen = "L"
	}
	p.Path("series "+l.class, d.String())
	p.beyond(l)
}

// beyond writes the highest value of a series that does not fit the height, such as a burst of
// final reads, above where the line touches the top: a line alone says that it is the top's.
func (p *plane) beyond(l series) {
	highest := -1
	for i, v := range l.values {
		if v > p.high && (highest < 0 || v > l.values[highest]) {
			highest = i
		}
	}
	if highest >= 0 {
		at := p.x(min((float64(highest)+0.5)*float64(p.b.width), float64(p.b.length)))
		p.Text("axis y", at+8, chartTop-6, "↑ "+number(l.values[highest]))
	}
}

// tips say over each bin what all series are there.
func (p *plane) tips(list []series) {
	step := float64(p.b.width)
	for i := range p.b.asked {
		t := fmt.Sprintf("%s to %s s", number(float64(i)*step/1e9), number(float64(i+1)*step/1e9))
		for _, l := range list {
			if !math.IsNaN(l.values[i]) {
				t += fmt.Sprintf(", %s %s%s", l.name, number(l.values[i]), l.unit)
			}
		}
		x1 := p.x(float64(i) * step)
		p.Tip(x1, chartTop, min(p.x(float64(i+1)*step), chartWidth-chartRight)-x1, chartTall, t)
	}
}

// linearScale rounds the top up and marks quarters of it or so.
func linearScale(high float64) (float64, []float64) {
	if high <= 0 {
		high = 1
	}
	step := niceStep(high / 4)
	top := step * math.Ceil(high/step-1e-9)
	var marks []float64
	for i := 0.0; i <= top+step/2; i += step {
		marks = append(marks, i)
	}
	return top, marks
}

func logScale(low, high float64) (float64, float64, []float64) {
	if low <= 0 {
		low = 0.1
	}
	from := math.Floor(math.Log10(low))
	to := max(math.Ceil(math.Log10(max(high, low))), from+1)
	var marks []float64
	for e := from; e <= to; e++ {
		marks = append(marks, math.Pow(10, e))
	}
	return math.Pow(10, from), math.Pow(10, to), marks
}

func niceStep(v float64) float64 {
	base := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5, 10} {
		if v <= m*base*1.0001 {
			return m * base
		}
	}
	return 10 * base
}

func timeMarks(seconds float64) []float64 {
	if seconds <= 0 {
		return nil
	}
	step := niceStep(seconds / 10)
	var out []float64
	for t := 0.0; t < seconds-step/4; t += step {
		out = append(out, t)
	}
	return out
}

// number is v with as many digits as a reader can use.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a == 0 || math.IsNaN(v):
		return "0"
	case a >= 1e6:
		return fmt.Sprintf("%.4gM", v/1e6)
	case a >= 1e4:
		return fmt.Sprintf("%.4gk", v/1e3)
	}
	return fmt.Sprintf("%.4g", v)
}
