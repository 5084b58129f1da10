package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers/staleness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/internal/share"
	"github.com/lapse-test/lapse/results/picture"
	"github.com/lapse-test/lapse/results/svg"
	"github.com/lapse-test/lapse/results/verdict"
)

// stale is the section on staleness: a row for each group of reads, and the curve of
// how likely a read misses a write by the time since its acknowledgement.
type stale struct {
	Rows  []staleRow
	Delta string
	Chart *chart
}

type staleRow struct {
	Name                            string
	N, Of                           int
	Share, Interval                 string
	VersionsP50, VersionsMax        int64
	TimeP50, TimeP99, TimeMax, Note string
}

func staleOf(r *staleness.Report) *stale {
	if r == nil || r.All.Reads == 0 {
		return nil
	}
	s := &stale{Delta: ago(int64(r.Delta))}
	if r.Unbounded {
		s.Delta += ", and for some keys no time suffices"
	}
	s.Rows = append(s.Rows, rowOf("all reads", &r.All))
	for i := range r.Groups {
		s.Rows = append(s.Rows, rowOf(groupOf(&r.Groups[i]), &r.Groups[i]))
	}
	if r.All.Stale.N > 0 {
		s.Chart = visibility(r)
	}
	return s
}

func groupOf(g *staleness.Group) string {
	name := levels(g.WriteLevel, g.ReadLevel)
	if g.Fault != "" {
		name = strings.TrimPrefix(name+", "+g.Fault+" faults", ", ")
	}
	return name
}

func rowOf(name string, g *staleness.Group) staleRow {
	r := staleRow{
		Name: name, N: g.Stale.N, Of: g.Stale.Of, Share: estimate(g.Stale.P),
		Interval: estimate(g.Stale.Low) + " to " + estimate(g.Stale.High),
	}
	if g.Stale.N > 0 {
		r.VersionsP50, r.VersionsMax = g.Versions.P50, g.Versions.Max
		r.TimeP50, r.TimeP99, r.TimeMax = ago(g.Time.P50), ago(g.Time.P99), ago(g.Time.Max)
	}
	return r
}

// estimate is a share of a sample, and what is thought of all by it.
func estimate(p float64) string { return share.Text(p, share.Estimate) }

func ago(ns int64) string { return picture.Millis(float64(ns) / 1e6) }

// maxCurves bounds the groups of which a curve is drawn: as many as can be told apart.
const maxCurves = 4

// visibility draws, for each group, the share of reads that missed the latest
// acknowledged write over the time since then, with 95 % intervals.
func visibility(r *staleness.Report) *chart {
	groups := slices.Clone(r.Groups)
	slices.SortStableFunc(groups, func(a, b staleness.Group) int { return b.Reads - a.Reads })
	if len(groups) > maxCurves {
		groups = groups[:maxCurves]
	}
	if len(groups) == 0 {
		groups = []staleness.Group{r.All}
	}
	// An interval that is cut off at the top would say less than is known.
	low, high, top := math.Inf(1), 0.0, 0.0
	for i := range groups {
		for _, p := range groups[i].Visibility {
			low, high = math.Min(low, middleOfBin(p)), math.Max(high, middleOfBin(p))
			if p.Missed.Of > 0 {
				top = math.Max(top, p.Missed.High)
			}
		}
	}
	if high == 0 {
		return nil
	}
	low, high = math.Log10(low)-0.1, math.Log10(high)+0.1
	topMark, marks := linearScale(100 * top)
	inner, tall := chartWidth-chartLeft-chartRight, chartHeight-chartTop-chartBottom
	x := func(t float64) float64 { return chartLeft + inner*(math.Log10(t)-low)/(high-low) }
	y := func(v float64) float64 { return chartTop + tall*(1-100*v/topMark) }
	c := chart{Title: "How likely a read misses the latest acknowledged write, per cent", Note: "by the time since the acknowledgement, logarithmic; whiskers are 95 % intervals"}
	var d svg.Drawing
	d.Open("c-stale", "chart", c.Title, chartWidth, chartHeight)
	for _, m := range marks {
		d.Line("grid", chartLeft, chartTop+tall*(1-m/topMark), chartWidth-chartRight, chartTop+tall*(1-m/topMark))
		d.Text("axis y", chartLeft-8, chartTop+tall*(1-m/topMark)+4, number(m))
	}
	for e := math.Ceil(low); e <= high; e++ {
		d.Line("grid", x(math.Pow(10, e)), chartTop, x(math.Pow(10, e)), chartTop+tall)
		d.Text("axis x", x(math.Pow(10, e)), chartHeight-8, ago(int64(math.Pow(10, e))))
	}
	for i := range groups {
		class := fmt.Sprintf("curve-%d", i+1)
		curve(&d, &groups[i], class, float64(i)*3, x, y)
		name := groupOf(&groups[i])
		if name == "" {
			name = "all reads"
		}
		c.Legend = append(c.Legend, legend{class, name})
	}
	c.SVG = d.Close()
	return &c
}

// curve draws the shares of a group, with whiskers that are moved aside from those of other groups. x and y place a time and a share.
func curve(d *svg.Drawing, g *staleness.Group, class string, aside float64, x, y func(float64) float64) {
	var path strings.Builder
	pen := "M"
	for _, p := range g.Visibility {
		if p.Missed.Of == 0 {
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", pen, x(middleOfBin(p)), y(p.Missed.P))
		pen = "L"
	}
	d.Path("series "+class, path.String())
	for _, p := range g.Visibility {
		if p.Missed.Of == 0 {
			continue
		}
		at := x(middleOfBin(p)) + aside
		d.Line("whisker "+class, at, y(p.Missed.Low), at, y(p.Missed.High))
		d.Circle("point "+class, x(middleOfBin(p)), y(p.Missed.P), 3)
		until := "to " + ago(int64(p.To))
		if p.To == history.Never {
			until = "and later"
		}
		d.Tip(x(middleOfBin(p))-9, chartTop, 18, chartHeight-chartTop-chartBottom, fmt.Sprintf("%s: %s %s after, %d of %d missed it, %s (%s to %s)",
			groupOf(g), ago(int64(p.From)), until, p.Missed.N, p.Missed.Of, estimate(p.Missed.P), estimate(p.Missed.Low), estimate(p.Missed.High)))
	}
}

// middleOfBin is the middle of a bin on a logarithmic scale; one without an end has a place of its own.
func middleOfBin(p staleness.Point) float64 {
	from := math.Max(float64(p.From), 50_000)
	if p.To == history.Never {
		return from * 1.6
	}
	return math.Sqrt(from * float64(p.To))
}

// lagChart draws how far each replica said that it was behind, nil if none was
// asked. The highest value in a bin counts.
func lagChart(h *history.History, length, loadEnd history.Time) *chart {
	b := &bins{width: history.Time(time.Second), length: length, loadEnd: loadEnd}
	for int64(b.length/b.width) >= maxBins {
		b.width *= 2
	}
	n := int(b.length/b.width) + 1
	b.asked = make([]int, n)
	var nodes []string
	values := map[string][]float64{}
	for i := range h.Events {
		l, ok := h.Events[i].Lag()
		if !ok {
			continue
		}
		if values[l.Node] == nil {
			values[l.Node] = slices.Repeat([]float64{math.NaN()}, n)
			nodes = append(nodes, l.Node)
		}
		at := b.at(h.Events[i].At)
		if v := float64(l.BehindMS) / 1000; math.IsNaN(values[l.Node][at]) || v > values[l.Node][at] {
			values[l.Node][at] = v
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	slices.Sort(nodes)
	var list []series
	for i, name := range nodes {
		list = append(list, series{fmt.Sprintf("curve-%d", i%maxCurves+1), name, " s", values[name]})
	}
	c := drawChart(h, b, "c-lag", "Replica lag, seconds behind as the replicas say themselves", "the highest in bins of "+duration.Text(time.Duration(b.width)), false, 0, list...)
	return &c
}

// happened are the events for people, in words: without those that a chart shows.
func happened(h *history.History) []history.Event {
	out := slices.DeleteFunc(slices.Clone(h.Events), func(e history.Event) bool { return e.Sampled() })
	for i := range out {
		out[i].Text = out[i].Words()
	}
	return out
}

// implied says what the verdicts add up to beyond themselves.
func implied(a *verdict.Assessment) []term {
	var out []term
	for _, line := range []term{
		{"refuted with them", strings.Join(a.Lattice.ImpliedRefuted, ", ")},
		{"strongest not refuted", strings.Join(a.Lattice.StrongestNotRefuted, ", ")},
		{"not decided", strings.Join(a.Lattice.Undecided, ", ")},
	} {
		if line.Text != "" {
			out = append(out, line)
		}
	}
	return out
}
