package hunt

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads"
)

// Space is the set of plans that a hunt draws from.
type Space struct {
	// Base has what is the same in every plan: the target, its levels and options, the
	// models, and what the user set otherwise.
	Base settings.Run
	// Workloads, with what can be varied of each.
	Workloads []Workload
	// Faults are the names of those that the target can have, in the order of what finds
	// most, and LeftOut those that it cannot.
	Faults  []string
	LeftOut []history.LeftOut
	// Durations are those of loads, shortest first.
	Durations []time.Duration
	// Fixed are the flags that the user set: they are not varied.
	Fixed []string

	env runs.Environment
}

// Workload is a workload and what can be varied of it.
type Workload struct {
	// Name is that of the registry of workloads.
	Name string
	// Lingers says that its keys can be read besides by others.
	Lingers bool
	// Weights are the shares of operations to choose from; the empty one is its own.
	Weights []string
}

// shortestLoad is how long a load lasts at least, and longestBase how long the shortest one
// does at most, whatever the database's failure detection is.
const (
	shortestLoad = 5 * time.Second
	longestBase  = time.Minute
)

// NewSpace is the space of all that a request leaves open. fixed are the flags that were set; of --faults
// only those named are drawn. Its errors are of the user's input.
func NewSpace(ctx context.Context, req settings.Run, fixed []string, env runs.Environment) (*Space, error) {
	s := &Space{Base: req, Fixed: fixed, env: env}
	s.Base.Script, s.Base.FaultMode, s.Base.FaultInterval, s.Base.FaultHold = "", "", 0, 0
	s.Base.OnViolation = "" // a hunt finds many times, and tells itself
	if s.free("workload") {
		s.Base.WorkloadOptions = nil // those of one workload
	}
	if s.free("weights") {
		s.Base.Weights = ""
	}
	probe := s.Base
	probe.Faults, probe.Linger, probe.Duration = "", "", longestBase
	p, err := s.probe(ctx, probe)
	if err != nil {
		return nil, err
	}
	info := p.Target.Info()
	s.Base.Nodes, s.Base.Provider = p.Plan.Nodes, p.Plan.Provider
	usable := s.usable(info)
	if s.Base.Models == "" {
		if s.Base.Models = strings.Join(promised(p, s.replicated(usable)), ","); s.Base.Models == "" {
			return nil, targets.Usagef("--model: nothing is known to be promised by target %s at these levels; name what must hold, such as --model linearizable", info.Name)
		}
	}
	wanted := settings.Names(s.Base.Models)
	for _, w := range usable {
		if tests(w, wanted) && decides(w, wanted, info) {
			s.Workloads = append(s.Workloads, workloadOf(w, info))
		}
	}
	if len(s.Workloads) == 0 {
		for _, w := range usable {
			s.Workloads = append(s.Workloads, workloadOf(w, info))
		}
	}
	if err := s.findFaults(ctx); err != nil {
		return nil, err
	}
	s.findDurations(p)
	return s, nil
}

// probe makes any plan that can be made of req: with the first workload that its target
// can do, if the user left that open. The error is that of the first one.
func (s *Space) probe(ctx context.Context, req settings.Run) (*runs.Planned, error) {
	p, first := runs.Plan(ctx, req, s.env)
	if first == nil || !s.free("workload") {
		return p, first
	}
	for _, name := range workloads.Names() {
		req.Workload = name
		if p, err := runs.Plan(ctx, req, s.env); err == nil {
			return p, nil
		}
	}
	return nil, first
}

// usable are the workloads that the target can do, of those that the user left.
func (s *Space) usable(info targets.Info) []workloads.Workload {
	var out []workloads.Workload
	for _, w := range workloads.All() {
		need := w.Needs()
		lacks := slices.ContainsFunc(need.Funcs, func(f history.Func) bool { return !slices.Contains(info.Funcs, f) })
		if lacks || need.MaxTxn > info.MaxTxn || slices.Contains(s.Fixed, "workload") && w.Name() != s.Base.Workload {
			continue
		}
		out = append(out, w)
	}
	return out
}

// replicated are those of list that test what replicas agree on. That those who share a database
// are kept apart (workloads.Separates) is hunted by those who name such a model or workload.
func (s *Space) replicated(list []workloads.Workload) []workloads.Workload {
	if !s.free("workload") {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), workloads.Separates)
}

// tests tells whether a workload is made to test one of the models, or one that stands
// above or below it.
func tests(w workloads.Workload, wanted []string) bool {
	order := registry.Lattice()
	return slices.ContainsFunc(w.Models(), func(own string) bool {
		return slices.ContainsFunc(wanted, func(m string) bool {
			return own == m || order.Implies(own, m) || order.Implies(m, own)
		})
	})
}

// promised are the models of the workloads that the target promises.
func promised(p *runs.Planned, usable []workloads.Workload) []string {
	t, ok := p.Target.(targets.Promiser)
	if !ok {
		return nil
	}
	says := t.Promises(p.Config, p.Target.Info().Funcs)
	var out []string
	for _, w := range usable {
		for _, m := range w.Models() {
			if says[m] && !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}

// workloadOf says what can be varied of a workload.
func workloadOf(w workloads.Workload, info targets.Info) Workload {
	l := Workload{Name: w.Name(), Weights: []string{""}}
	glance, deletes := workloads.Hardens(w, info.Funcs)
	l.Lingers = glance
	if deletes != nil {
		l.Weights = append(l.Weights, runs.SharesText(deletes))
	}
	own := w.Weights()
	even := map[string]int{}
	for _, kind := range []string{history.Read.String(), history.Write.String()} {
		if own[kind] > 0 {
			even[kind] = 1
		}
	}
	if len(even) == 2 {
		l.Weights = append(l.Weights, runs.SharesText(even))
	}
	return l
}

// findFaults finds what of the faults that were asked for the target can have; all, where
// none were.
func (s *Space) findFaults(ctx context.Context) error {
	probe := s.Base
	probe.Workload, probe.Linger, probe.Weights, probe.Keys = s.Workloads[0].Name, "", "", 0
	if probe.Faults == "" {
		probe.Faults = widest()
	}
	// With an interval of its own no fault is left out for want of time.
	probe.Duration, probe.FaultInterval, probe.FaultHold = longestBase, time.Second, 0
	probe.Seed, probe.Seeded = 0, true
	p, err := runs.Plan(ctx, probe, s.env)
	if err != nil && s.Base.Faults == "" {
		// None can be had there, which is no error of somebody who asked for none.
		s.LeftOut = []history.LeftOut{{What: "faults", Why: err.Error()}}
		return nil
	}
	if err != nil {
		return err
	}
	s.Faults, s.LeftOut = p.Plan.Schedule.Faults, p.Plan.Schedule.LeftOut
	s.LeftOut = slices.DeleteFunc(slices.Clone(s.LeftOut), func(l history.LeftOut) bool { return !slices.Contains(nemesis.Names(), l.What) })
	return nil
}

// widest is the preset that has all faults.
func widest() string {
	all := nemesis.Presets()
	return all[len(all)-1].Name
}

// findDurations makes loads as short as they can be while faults still outlast the
// database's failure detection, and no shorter than starting it.
func (s *Space) findDurations(p *runs.Planned) {
	if slices.Contains(s.Fixed, "duration") {
		s.Durations = []time.Duration{s.Base.Duration}
		return
	}
	base := shortestLoad
	if d := p.Plan.Schedule.Detection; d != nil && d.After > 0 {
		base = max(base, 3*d.After+3*time.Second)
	}
	base = min(max(base, p.Target.Info().Startup), longestBase).Round(time.Second)
	s.Durations = []time.Duration{base, 2 * base}
}

// Families are the families of the faults.
func (s *Space) Families() []string {
	var out []string
	for _, f := range nemesis.All() {
		if slices.Contains(s.Faults, f.Name) && !slices.Contains(out, f.Kind) {
			out = append(out, f.Kind)
		}
	}
	return out
}

// drawn is a schedule of one kind of fault for the load of run.
func (s *Space) drawn(ctx context.Context, fault string, seed uint64, run *settings.Run) (nemesis.Schedule, error) {
	req := *run
	req.Script, req.Faults, req.FaultMode, req.FaultInterval, req.FaultHold = "", fault, "", 0, 0
	req.Seed, req.Seeded = seed, true
	p, err := runs.Plan(ctx, req, s.env)
	if err != nil {
		return nemesis.Schedule{}, err
	}
	return p.Plan.Schedule, nil
}

// Plan makes the plan of a request, with its schedule in it.
func (s *Space) Plan(ctx context.Context, req settings.Run) (*runs.Planned, error) {
	p, err := runs.Plan(ctx, req, s.env)
	if err != nil {
		return nil, err
	}
	return p, p.KeepSchedule()
}

// First is the first plan of a hunt with that seed.
func (s *Space) First(ctx context.Context, seed uint64) (*runs.Planned, error) {
	p, _, err := newHunter(s, nil, Options{}).next(ctx, stream(seed, 0))
	return p, err
}
