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

// scatter is every operation as a point: when it began and how long it took, by
// outcome. Those without an answer stand above all others.
func scatter(h *history.History, length history.Time) chart {
	inner, tall := chartWidth-chartLeft-chartRight, chartHeight-chartTop-chartBottom
	low, high := math.Inf(1), 0.0
	took := func(op *history.Op) float64 { return math.Max(float64(op.Complete-op.Invoke)/1e6, 0.001) }
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Complete != history.Never {
			low, high = min(low, took(op)), max(high, took(op))
		}
	}
	if high == 0 {
		low, high = 0.1, 1
	}
	low, high, marks := logScale(low, high)
	x := func(t float64) float64 { return chartLeft + inner*t/float64(length) }
	y := func(ms float64) float64 {
		return chartTop + 12 + (tall-12)*(1-(math.Log10(ms)-math.Log10(low))/(math.Log10(high)-math.Log10(low)))
	}
	c := chart{Title: "Latency of each operation, by outcome", Note: "logarithmic; at the top those without an answer", Legend: []legend{{"dots dots-ok", "ok"}, {"dots dots-fail", "fail"}, {"dots dots-info", "info (no answer)"}}}
	every := stride(len(h.Ops), maxDots)
	if every > 1 {
		c.Note += fmt.Sprintf("; every %s operation, and all slower than its neighbours", ordinal(every))
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
	slowest := [3]int{-1, -1, -1}
	put := func(i int) {
		op := &h.Ops[i]
		at := chartTop + 5
		if op.Complete != history.Never {
			at = y(took(op))
		}
		fmt.Fprintf(&paths[op.Outcome], "M%.1f %.1fh0", x(float64(op.Invoke)), at)
	}
	for i := range h.Ops {
		o := h.Ops[i].Outcome
		if s := slowest[o]; s < 0 || h.Ops[i].Complete-h.Ops[i].Invoke > h.Ops[s].Complete-h.Ops[s].Invoke {
			slowest[o] = i
		}
		if (i+1)%every == 0 || i == len(h.Ops)-1 {
			for o, s := range slowest {
				if s >= 0 {
					put(s)
				}
				slowest[o] = -1
			}
		}
	}
	class := "dots "
	if len(h.Ops) < fewDots {
		class = "dots few "
	}
	for _, o := range []history.Outcome{history.OK, history.Fail, history.Info} {
		d.Path(class+"dots-"+o.String(), paths[o].String())
	}
	c.SVG = d.Close()
	return c
}

// seriesFile returns the charts' series over time as a CSV file, in a data URL.
func seriesFile(h *history.History) string {
	if len(h.Ops) == 0 {
		return ""
	}
	b := binned(h)
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
