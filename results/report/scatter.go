package report

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/picture"
	"github.com/lapse-test/lapse/results/svg"
	"github.com/lapse-test/lapse/results/text"
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
func (m *dotMeter) scatter(h *history.History, length, loadEnd history.Time) chart {
	low, high := m.low, m.high
	if high == 0 {
		low, high = 0.1, 1
	}
	low, high, marks := logScale(low, high)
	x := func(t float64) float64 { return chartLeft + chartInner*t/float64(length) }
	y := func(ms float64) float64 {
		return chartTop + 12 + (chartTall-12)*(1-(math.Log10(ms)-math.Log10(low))/(math.Log10(high)-math.Log10(low)))
	}
	c := chart{Title: "Latency of each operation, by outcome", Note: "logarithmic; at the top those without an answer", Legend: []legend{{"dots dots-ok", "ok"}, {"dots dots-fail", "fail"}, {"dots dots-info", "info (no answer)"}}}
	if m.every > 1 {
		c.Note += fmt.Sprintf("; every %s operation, and all slower than its neighbours", ordinal(m.every))
	}
	var d svg.Drawing
	d.Open("c-scatter", "chart", c.Title, chartWidth, chartHeight)
	backdrop(&d, h, "c-scatter", x, length, loadEnd)
	for _, m := range marks {
		d.Line("grid", chartLeft, y(m), chartWidth-chartRight, y(m))
		d.Text("axis y", chartLeft-8, y(m)+4, picture.Millis(m))
	}
	for _, t := range timeMarks(float64(length) / 1e9) {
		d.Text("axis x", x(t*1e9), chartHeight-8, number(t)+" s")
	}
	var dots [3][]svg.Dot
	for i := range m.chosen {
		op := &m.chosen[i]
		at, says := chartTop+5, "no answer"
		if op.Complete != history.Never {
			at, says = y(took(op)), duration.Text(time.Duration(op.Complete-op.Invoke))
		}
		says = fmt.Sprintf("%s: %s, %s", text.Seconds(op.Invoke), op.Outcome, says)
		dots[op.Outcome] = append(dots[op.Outcome], svg.Dot{X: x(float64(op.Invoke)), Y: at, Text: says})
	}
	class := "dots "
	if m.total < fewDots {
		class = "dots few "
	}
	for _, o := range []history.Outcome{history.OK, history.Fail, history.Info} {
		if len(dots[o]) > 0 {
			d.Dots(class+"dots-"+o.String(), dots[o])
		}
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
