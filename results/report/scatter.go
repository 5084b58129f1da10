package report

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/picture"
	"github.com/lapse-test/lapse/results/svg"
)

// maxDots bounds the operations drawn as points: the slowest of each outcome are always
// among them.
const maxDots = 6000

// fewDots are so few that each is drawn large: nothing overlaps.
const fewDots = 300

// dotMeter chooses the operations that are drawn as points.
type dotMeter struct {
	total, every int
	seen         int
	low, high    float64 // of what they took, in milliseconds
	slowest      [3]history.Op
	have         [3]bool
	chosen       []history.Op
}

func newDotMeter(o history.Ordered) *dotMeter {
	return &dotMeter{total: o.Count(), every: stride(o.Count(), maxDots), low: math.Inf(1)}
}

// took is how long an operation took that was answered, in milliseconds.
func took(op *history.Op) float64 { return math.Max(float64(op.Complete-op.Invoke)/1e6, 0.001) }

// See implements figures.Meter.
func (m *dotMeter) See(h *history.History) {
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Complete != history.Never {
			m.low, m.high = min(m.low, took(op)), max(m.high, took(op))
		}
		if s := &m.slowest[op.Outcome]; !m.have[op.Outcome] || op.Complete-op.Invoke > s.Complete-s.Invoke {
			*s, m.have[op.Outcome] = *op, true
		}
		if m.seen++; m.seen%m.every == 0 || m.seen == m.total {
			for o := range m.slowest {
				if m.have[o] {
					m.chosen = append(m.chosen, m.slowest[o])
				}
				m.have[o] = false
			}
		}
	}
}

// scatter is every operation as a point: when it began and how long it took, by
// outcome. Those without an answer stand above all others.
func (m *dotMeter) scatter(h *history.History, length history.Time) chart {
	inner, tall := chartWidth-chartLeft-chartRight, chartHeight-chartTop-chartBottom
	low, high := m.low, m.high
	if high == 0 {
		low, high = 0.1, 1
	}
	low, high, marks := logScale(low, high)
	x := func(t float64) float64 { return chartLeft + inner*t/float64(length) }
	y := func(ms float64) float64 {
		return chartTop + 12 + (tall-12)*(1-(math.Log10(ms)-math.Log10(low))/(math.Log10(high)-math.Log10(low)))
	}
	c := chart{Title: "Latency of each operation, by outcome", Note: "logarithmic; at the top those without an answer", Legend: []legend{{"dots dots-ok", "ok"}, {"dots dots-fail", "fail"}, {"dots dots-info", "info (no answer)"}}}
	if m.every > 1 {
		c.Note += fmt.Sprintf("; every %s operation, and all slower than its neighbours", ordinal(m.every))
	}
	var d svg.Drawing
	d.Open("c-scatter", "chart", c.Title, chartWidth, chartHeight)
	for i := range h.Faults {
		f := &h.Faults[i]
		end := float64(length)
		if f.Healed != 0 {
			end = float64(f.Healed)
		}
		d.Band("c-scatter", "fault-band", x(float64(f.Injected)), chartTop, x(end)-x(float64(f.Injected)), tall, fmt.Sprintf("fault %d: %s", f.ID, f.Name))
	}
	for _, m := range marks {
		d.Line("grid", chartLeft, y(m), chartWidth-chartRight, y(m))
		d.Text("axis y", chartLeft-8, y(m)+4, picture.Millis(m))
	}
	for _, t := range timeMarks(float64(length) / 1e9) {
		d.Text("axis x", x(t*1e9), chartHeight-8, number(t)+" s")
	}
	moments(&d, h, x, chartTop, chartTop+tall)
	var paths [3]strings.Builder
	for i := range m.chosen {
		op := &m.chosen[i]
		at := chartTop + 5
		if op.Complete != history.Never {
			at = y(took(op))
		}
		fmt.Fprintf(&paths[op.Outcome], "M%.1f %.1fh0", x(float64(op.Invoke)), at)
	}
	class := "dots "
	if m.total < fewDots {
		class = "dots few "
	}
	for _, o := range []history.Outcome{history.OK, history.Fail, history.Info} {
		d.Path(class+"dots-"+o.String(), paths[o].String())
	}
	c.SVG = d.Close()
	return c
}

// seriesFile returns the charts' series over time as a CSV file, in a data URL.
func seriesFile(b *bins) string {
	var t strings.Builder
	t.WriteString("from_s,to_s,ok_per_s,fail_per_s,info_per_s,begun,served,p50_ms,p99_ms\n")
	value := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	for i := range b.asked {
		from := float64(b.width) * float64(i) / 1e9
		fmt.Fprintf(&t, "%s,%s,%s,%s,%s,%d,%d,%s,%s\n", value(from), value(from+float64(b.width)/1e9),
			value(b.ok[i]), value(b.fail[i]), value(b.info[i]), b.asked[i], b.good[i], value(b.p50[i]), value(b.p99[i]))
	}
	return ("data:text/csv;base64," + base64.StdEncoding.EncodeToString([]byte(t.String())))
}
