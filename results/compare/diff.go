// Package compare compares two runs of the same case by their settings, verdicts and
// figures.
package compare

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
)

// Side is a stored run as a comparison sees it.
type Side struct {
	Summary store.Summary
	Plan    harness.Plan
	Figures *figures.Phases
}

// Load reads a run directory. A missing plan is an empty one.
func Load(dir store.Dir) (*Side, error) {
	r := &Side{}
	if err := dir.ReadJSON(store.FileRun, &r.Summary); err != nil {
		return nil, err
	}
	plan, err := harness.ReadPlan(dir.File(store.FilePlan))
	switch {
	case err == nil:
		r.Plan = *plan
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	o, done, err := dir.Ordered()
	if err != nil {
		return nil, err
	}
	if r.Figures, err = figures.PhasesOf(o); err != nil {
		err = fmt.Errorf("measuring run %s: %w", dir.ID, err)
	}
	return r, errors.Join(err, done())
}

// None stands for a text or a figure that a run does not have, as in reports.
const None = "–"

// Diff lists the differences between two runs. It judges nothing: whether a change is
// for the worse is the gate's business.
type Diff struct {
	A string `json:"a"`
	B string `json:"b"`
	// Changes are the settings and versions that differ.
	Changes []Change `json:"changes"`
	// Verdicts has a line for each model that either run checked.
	Verdicts []Change `json:"verdicts"`
	Figures  []Figure `json:"figures"`
}

// Change is a text in both runs, None where a run has none.
type Change struct {
	Name string `json:"name"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// Word says how the runs differ in it, nothing where they do not: what only one of them has did not change.
func (c Change) Word() string {
	switch {
	case c.A == c.B:
		return ""
	case c.A == None || c.B == None:
		return "in one run only"
	}
	return "changed"
}

// Figure is a number in both runs, nil where it was not measured.
type Figure struct {
	Name string   `json:"name"`
	Unit string   `json:"unit"`
	A    *float64 `json:"a"`
	B    *float64 `json:"b"`
}

// Percent is the change from A to B in per cent; false when it has none.
func (f Figure) Percent() (float64, bool) {
	if f.A == nil || f.B == nil || *f.A == 0 {
		return 0, false
	}
	return 100 * (*f.B - *f.A) / *f.A, true
}

// Between compares two runs.
func Between(a, b *Side) *Diff {
	d := &Diff{A: a.Summary.Run, B: b.Summary.Run, Changes: []Change{}, Verdicts: []Change{}}
	d.settings(a, b)
	d.verdicts(a, b)
	d.figures(a.Figures, b.Figures)
	return d
}

func (d *Diff) settings(a, b *Side) {
	x, y := settings(a), settings(b)
	all := map[string]bool{}
	for k := range x {
		all[k] = true
	}
	for k := range y {
		all[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if x[k] != y[k] {
			d.Changes = append(d.Changes, Change{k, orDash(x[k]), orDash(y[k])})
		}
	}
}

func settings(r *Side) map[string]string {
	s, p := &r.Summary, &r.Plan
	m := map[string]string{
		"target": s.Target, "version": s.Version, "provider": s.Provider, "nodes": fmt.Sprint(s.Nodes),
		"write level": s.WriteLevel, "read level": s.ReadLevel, "workload": s.Workload, "seed": fmt.Sprint(s.Seed),
		"clients": fmt.Sprint(s.Concurrency), "lapse": s.Host.Lapse, "go": s.Host.Go, "cpus": fmt.Sprint(s.Host.CPUs),
		"rate": fmt.Sprint(p.Rate), "duration": duration.Text(p.Duration), "faults": strings.Join(p.FaultNames(), ","), "sessions": p.Session,
	}
	for k, v := range p.Options {
		m["option "+k] = v
	}
	for k, v := range p.WorkloadOptions {
		m["workload option "+k] = v
	}
	return m
}

func orDash(s string) string {
	if s == "" {
		return None
	}
	return s
}

func (d *Diff) verdicts(a, b *Side) {
	seen := map[string]bool{}
	for _, r := range []*Side{a, b} {
		for _, v := range r.Summary.Verdicts {
			if !seen[v.Model] {
				seen[v.Model] = true
				d.Verdicts = append(d.Verdicts, Change{v.Model, verdictOf(a, v.Model), verdictOf(b, v.Model)})
			}
		}
	}
}

// Allowed follows the status of what is violated and the configuration allows.
const Allowed = ", allowed"

func verdictOf(r *Side, model string) string {
	v, ok := r.Summary.ByModel(model)
	if !ok {
		return None
	}
	said := string(v.Status)
	if r.Summary.Allows(v) {
		said += Allowed
	}
	if v.Total > 0 {
		said += fmt.Sprintf(" (%s)", text.Count(v.Total))
	}
	return said
}

func (d *Diff) figures(a, b *figures.Phases) {
	add := func(name, unit string, of func(*figures.Phases) *float64) {
		x, y := of(a), of(b)
		if x != nil || y != nil {
			d.Figures = append(d.Figures, Figure{name, unit, x, y})
		}
	}
	for _, part := range []struct {
		name string
		of   func(*figures.Phases) *figures.Phase
	}{
		{"outside faults", func(f *figures.Phases) *figures.Phase { return &f.Calm }},
		{"in faults", func(f *figures.Phases) *figures.Phase { return &f.Faulted }},
	} {
		some := func(value func(*figures.Phase) float64, count func(*figures.Phase) int64) func(*figures.Phases) *float64 {
			return func(f *figures.Phases) *float64 {
				p := part.of(f)
				if count(p) == 0 {
					return nil
				}
				v := value(p)
				return &v
			}
		}
		ops := func(p *figures.Phase) int64 { return int64(p.Ops) }
		reads := func(p *figures.Phase) int64 { return p.Read.Count }
		writes := func(p *figures.Phase) int64 { return p.Write.Count }
		add("aborts "+part.name, "%", some(func(p *figures.Phase) float64 { return 100 * p.AbortRatio() }, func(p *figures.Phase) int64 { return int64(p.Aborted) }))
		add("ok "+part.name, "%", some(func(p *figures.Phase) float64 { return 100 * p.OKRatio() }, ops))
		add("throughput "+part.name, "ok/s", some(func(p *figures.Phase) float64 { return p.OKPerSecond }, ops))
		add("read p50 "+part.name, "ms", some(func(p *figures.Phase) float64 { return p.Read.P50 }, reads))
		add("read p99 "+part.name, "ms", some(func(p *figures.Phase) float64 { return p.Read.P99 }, reads))
		add("write p50 "+part.name, "ms", some(func(p *figures.Phase) float64 { return p.Write.P50 }, writes))
		add("write p99 "+part.name, "ms", some(func(p *figures.Phase) float64 { return p.Write.P99 }, writes))
	}
	outage := func(of func(figures.Outage) float64) func(*figures.Phases) *float64 {
		return func(f *figures.Phases) *float64 {
			s := of(f.Outages.Longest)
			return &s
		}
	}
	add("longest outage", "s", outage(func(o figures.Outage) float64 { return o.Any }))
	add("longest outage of writes", "s", outage(func(o figures.Outage) float64 { return o.Writes }))
	add("failover", "s", func(f *figures.Phases) *float64 {
		s, ok := f.Outages.FailoverTime()
		if !ok {
			return nil
		}
		return &s
	})
	for i := range max(len(a.Windows), len(b.Windows)) {
		name := ""
		at := func(f *figures.Phases) *float64 {
			if i >= len(f.Windows) {
				return nil
			}
			return f.Windows[i].Recovery
		}
		for _, f := range []*figures.Phases{a, b} {
			if i < len(f.Windows) && !strings.Contains(name, f.Windows[i].Name) {
				name = strings.TrimPrefix(name+" / "+f.Windows[i].Name, " / ")
			}
		}
		// A recovery that was not seen in either run is worth a line, too.
		d.Figures = append(d.Figures, Figure{fmt.Sprintf("recovery after F%d %s", i+1, name), "s", at(a), at(b)})
	}
}

// Print writes d as text that fits the terminal of style if there is one.
func (d *Diff) Print(w io.Writer, style text.Style) error {
	t := text.Table{Head: []string{"", d.A, d.B, "change"}, Right: make([]bool, 4), Keep: 1, Fold: true}
	row := func(cells ...string) { t.Rows = append(t.Rows, cells) }
	for _, v := range d.Verdicts {
		row(v.Name, v.A, v.B, v.Word())
	}
	for _, f := range d.Figures {
		row(f.Name, f.Text(f.A), f.Text(f.B), f.Delta())
	}
	for _, c := range d.Changes {
		row(c.Name, c.A, c.B, c.Word())
	}
	return t.Print(w, style)
}

// Text is one side of f with its unit.
func (f Figure) Text(v *float64) string {
	if v == nil {
		return None
	}
	switch f.Unit {
	case "s":
		return duration.Seconds(*v)
	case "ms":
		return duration.Millis(*v)
	}
	return fmt.Sprintf("%.4g %s", *v, f.Unit)
}

// Delta is the change as people read it, empty if there is none to speak of: in per
// cent, and what is ten times as much or more as a factor.
func (f Figure) Delta() string {
	p, ok := f.Percent()
	if !ok {
		return ""
	}
	if p >= 900 {
		return fmt.Sprintf("× %.3g", *f.B / *f.A)
	}
	if change := fmt.Sprintf("%+.1f %%", p); strings.Trim(change, "+-0.% ") != "" {
		return change
	}
	return "0 %"
}
