package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/figures"
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
	maxBins     = 180
)

// bins is the run cut into equal parts of time.
type bins struct {
	width  history.Time
	ok     []float64
	fail   []float64
	info   []float64
	asked  []int
	good   []int
	p50    []float64
	p99    []float64
	length history.Time
}

// binWidths are the widths in milliseconds that people can read.
var binWidths = []history.Time{50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 3_600_000}

// binned counts all operations: ok and fail by completion, info by invocation,
// availability by invocation. Quantiles are exact within a bin.
func binned(h *history.History) *bins {
	length := runLength(h)
	b := &bins{length: length}
	for _, w := range binWidths {
		b.width = w * 1e6
		if int64(length/b.width) < maxBins {
			break
		}
	}
	n := int(length/b.width) + 1
	b.ok, b.fail, b.info = make([]float64, n), make([]float64, n), make([]float64, n)
	b.asked, b.good = make([]int, n), make([]int, n)
	b.p50, b.p99 = make([]float64, n), make([]float64, n)
	latencies := make([][]history.Time, n)
	at := func(t history.Time) int { return min(max(int(t/b.width), 0), n-1) }
	for i := range h.Ops {
		op := &h.Ops[i]
		began := at(op.Invoke)
		b.asked[began]++
		switch op.Outcome {
		case history.OK:
			b.good[began]++
			done := at(op.Complete)
			b.ok[done]++
			latencies[done] = append(latencies[done], op.Complete-op.Invoke)
		case history.Fail:
			if h.Aborted(op) {
				b.good[began]++ // served
			}
			b.fail[at(min(op.Complete, length))]++
		default:
			b.info[began]++
		}
	}
	perSecond := 1e9 / float64(b.width)
	for i := range n {
		b.ok[i] *= perSecond
		b.fail[i] *= perSecond
		b.info[i] *= perSecond
		l := latencies[i]
		if len(l) == 0 {
			b.p50[i], b.p99[i] = math.NaN(), math.NaN()
			continue
		}
		slices.Sort(l)
		b.p50[i] = float64(l[(len(l)-1)/2]) / 1e6
		b.p99[i] = float64(l[int(math.Ceil(0.99*float64(len(l))))-1]) / 1e6
	}
	return b
}

// runLength is the stamp of the last thing that happened.
func runLength(h *history.History) history.Time {
	last := history.Time(1)
	for i := range h.Ops {
		last = max(last, h.Ops[i].Invoke)
		if h.Ops[i].Complete != history.Never {
			last = max(last, h.Ops[i].Complete)
		}
	}
	for i := range h.Faults {
		last = max(last, h.Faults[i].Injected, h.Faults[i].Healed)
	}
	for _, e := range h.Events {
		last = max(last, e.At)
	}
	return last
}

type series struct {
	class  string
	name   string
	unit   string
	values []float64
}

// drawChart draws series over the bins; top 0 means as high as the values.
func drawChart(h *history.History, b *bins, id, title, note string, log bool, top float64, list ...series) chart {
	// What comes after the load, such as a burst of final reads, does not set the
	// scale.
	_, loadEnd := figures.LoadPhase(h)
	low, high := 0.0, top
	for _, s := range list {
		for i, v := range s.values {
			if math.IsNaN(v) || history.Time(i)*b.width > loadEnd {
				continue
			}
			if top == 0 {
				high = max(high, v)
			}
			if log && v > 0 && (low == 0 || v < low) {
				low = v
			}
		}
	}
	var marks []float64
	if log {
		low, high, marks = logScale(low, high)
	} else {
		high, marks = linearScale(high)
	}
	inner := chartWidth - chartLeft - chartRight
	tall := chartHeight - chartTop - chartBottom
	x := func(t float64) float64 { return chartLeft + inner*t/float64(b.length) }
	y := func(v float64) float64 {
		r := min(v/high, 1)
		if log {
			r = (math.Log10(max(v, low)) - math.Log10(low)) / (math.Log10(high) - math.Log10(low))
			r = min(r, 1)
		}
		return chartTop + tall*(1-r)
	}
	var s svg.Drawing
	s.Open(id, "chart", title, chartWidth, chartHeight)
	free := 0.0
	for i := range h.Faults {
		f := &h.Faults[i]
		end := float64(b.length)
		if f.Healed != 0 {
			end = float64(f.Healed)
		}
		x1, x2 := x(float64(f.Injected)), x(end)
		s.Band(id, "fault-band", x1, chartTop, x2-x1, tall, fmt.Sprintf("fault %d: %s", f.ID, f.Name))
		if x1 >= free {
			s.Text("fault-name", x1+2, chartTop-6, fmt.Sprintf("F%d", f.ID))
			free = x1 + 24
		}
	}
	moments(&s, h, x, chartTop, chartTop+tall)
	if loadEnd < b.length {
		s.Line("load-end", x(float64(loadEnd)), chartTop, x(float64(loadEnd)), chartTop+tall)
		s.Tip(x(float64(loadEnd))-3, chartTop, 6, tall, "the load ends; what follows are final reads")
	}
	for _, m := range marks {
		s.Line("grid", chartLeft, y(m), chartWidth-chartRight, y(m))
		s.Text("axis y", chartLeft-8, y(m)+4, number(m))
	}
	for _, t := range timeMarks(float64(b.length) / 1e9) {
		s.Text("axis x", x(t*1e9), chartHeight-8, number(t)+" s")
	}
	step := float64(b.width)
	for _, l := range list {
		var d strings.Builder
		pen := "M"
		for i, v := range l.values {
			if math.IsNaN(v) {
				pen = "M"
				continue
			}
			// The last bin may be cut by the end of the run: its middle is then
			// beyond it.
			at := x(min((float64(i)+0.5)*step, float64(b.length)))
			if pen == "M" && (i+1 == len(l.values) || math.IsNaN(l.values[i+1])) {
				s.Circle("point "+l.class, at, y(v), 2.5) // a line of one point cannot be seen
			}
			fmt.Fprintf(&d, "%s%.1f %.1f", pen, at, y(v))
			pen = "L"
		}
		s.Path("series "+l.class, d.String())
	}
	for i := range b.asked {
		t := fmt.Sprintf("%s to %s s", number(float64(i)*step/1e9), number(float64(i+1)*step/1e9))
		for _, l := range list {
			if !math.IsNaN(l.values[i]) {
				t += fmt.Sprintf(", %s %s%s", l.name, number(l.values[i]), l.unit)
			}
		}
		x1 := x(float64(i) * step)
		s.Tip(x1, chartTop, min(x(float64(i+1)*step), chartWidth-chartRight)-x1, tall, t)
	}
	c := chart{Title: title, Note: note, SVG: s.Close()}
	for _, l := range list {
		c.Legend = append(c.Legend, legend{l.class, l.name})
	}
	return c
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
