package verdict

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// AssessParts is Assess for a history that is not in memory as a whole. All models must be
// local (checkers.Model). As many parts as there are processors, or as b has workers, are
// in memory at once, with twelve bytes of each stale read or eight of each element of sets. When ctx is done, the models whose
// keys were not all reached are inconclusive.
//
// The violations' operations are indexes into h, which has only those. The error is that of
// a part that could not be read, or breaks what every history keeps.
func AssessParts(ctx context.Context, p *history.Parts, models []checkers.Checker, b checkers.Budget, r Require) (a Assessment, h *history.History, err error) {
	b = b.WithDefaults()
	g := gatherer{ctx: ctx, parts: p, models: models, budget: b, require: r, deadline: time.Now().Add(b.Time), verdicts: make([][]checkers.Verdict, len(models))}
	g.measured.init()
	g.frame = p.Frame
	if p.LastChange >= 0 {
		g.frame.Events = withLastChange(p.Frame.Events, p.LastChange)
	}
	if err := g.serve(); err != nil {
		return Assessment{}, nil, err
	}
	if err := g.all(); err != nil {
		return Assessment{}, nil, err
	}
	return g.assess()
}

// withLastChange are events with one more, so that reads of a part are final only if they
// are in the whole: a final phase begins no earlier than the last change was answered.
func withLastChange(events []history.Event, last history.Time) []history.Event {
	for i := range events {
		if e := &events[i]; e.Kind == history.EventPhase && strings.HasPrefix(e.Text, history.PhaseFinal) {
			last = max(last, e.At)
		}
	}
	return append(slices.Clone(events), history.Event{At: last, Kind: history.EventPhase, Text: history.PhaseFinal})
}

// gatherer checks parts and gathers what was found.
type gatherer struct {
	ctx      context.Context
	parts    *history.Parts
	frame    history.History
	models   []checkers.Checker
	budget   checkers.Budget
	deadline time.Time
	require  Require
	next     atomic.Int64
	cut      atomic.Bool // not all parts were decided before ctx was done

	mu       sync.Mutex
	err      error
	verdicts [][]checkers.Verdict // by model, of the parts
	kept     []keep
	ground   ground
	serving  serving
	refused  map[string]string
	failures []Failure
	measured partMeasures
}

// keep is a violation with its operations.
type keep struct {
	model int
	v     checkers.Violation
	ops   *history.History
}

// serve finds which nodes of the whole serve, where the verdicts ask for it: a part need not
// have an operation of each. Parts are read until all nodes do, which the first one mostly says.
func (g *gatherer) serve() error {
	g.serving = make(serving, len(g.frame.Header.Nodes))
	var h history.History
	for i := 0; g.require.DuringFaults > 0 && len(g.frame.Faults) > 0 && slices.Contains(g.serving, false) && i < g.parts.Len() && g.ctx.Err() == nil; i++ {
		if err := g.parts.Read(i, &h); err != nil {
			return fmt.Errorf("part %d of the history: %w", i, err)
		}
		own, _ := h.AtItsLevel()
		for n, served := range servingOf(own) {
			g.serving[n] = g.serving[n] || served
		}
	}
	g.ground = g.require.groundOf(&g.frame, g.serving)
	g.ground.clients = nil // of the parts
	return nil
}

// all checks all parts.
func (g *gatherer) all() error {
	workers := g.budget.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			var h history.History
			for g.ctx.Err() == nil {
				i := int(g.next.Add(1)) - 1
				if i >= g.parts.Len() {
					return
				}
				if err := g.part(i, &h); err != nil {
					g.mu.Lock()
					g.err = err
					g.mu.Unlock()
					return
				}
			}
			g.cut.Store(true) // also if this was the last part: it need not be decided
		})
	}
	wg.Wait()
	return g.err
}

// part checks part i, whose operations are read into h.
func (g *gatherer) part(i int, h *history.History) error {
	if err := g.parts.Read(i, h); err != nil {
		return fmt.Errorf("part %d of the history: %w", i, err)
	}
	if len(h.Ops) == 0 {
		return nil
	}
	own, hidden := h.AtItsLevel()
	own.Events = g.frame.Events
	b := g.budget
	b.Workers = 1
	if b.Time = time.Until(g.deadline); b.Time <= 0 {
		b.Time = 1 // what is left is undecided
	}
	var a Assessment
	type found struct {
		model int
		v     checkers.Verdict
	}
	var all []found
	for n, c := range g.models {
		picked := choose(g.ctx, own, []checkers.Checker{c})
		a.NotChecked = append(a.NotChecked, picked.notChecked...)
		for _, group := range picked.groups {
			b.MaxViolations = g.wanted(n)
			v := a.check(g.ctx, own, b, group)[0]
			v.Evidence.Fail = max(0, v.Evidence.Fail-hidden) // which did not fail
			a.verify(g.ctx, own, c, c.Model(), &v)
			all = append(all, found{n, v})
		}
	}
	ground := g.require.groundOf(own, g.serving)
	measured := g.measure(own)

	g.mu.Lock()
	defer g.mu.Unlock()
	g.measured.add(own, &measured)
	g.ground.during += ground.during
	if g.ground.clients == nil {
		g.ground.clients = ground.clients
	} else {
		for session, c := range ground.clients {
			g.ground.clients.add(session, c)
		}
	}
	g.failures = append(g.failures, a.Failures...)
	for _, n := range a.NotChecked {
		if g.refused == nil {
			g.refused = map[string]string{}
		}
		g.refused[n.Model] = n.Reason
	}
	for _, f := range all {
		for _, x := range f.v.Violations {
			x.Ops = slices.Compact(slices.Sorted(slices.Values(x.Ops))) // as in Subset
			g.kept = append(g.kept, keep{f.model, x, own.Subset(x.Ops)})
		}
		f.v.Violations = nil
		g.verdicts[f.model] = append(g.verdicts[f.model], f.v)
	}
	return nil
}

// wanted returns the number of violations of a model that a part is asked to explain: all that are to be
// kept until there are so many, then one, since a smaller one may come.
func (g *gatherer) wanted(model int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.budget.MaxViolations
	for i := range g.kept {
		if g.kept[i].model == model {
			n--
		}
	}
	return max(1, n)
}

// assess makes the assessment of what was gathered.
func (g *gatherer) assess() (Assessment, *history.History, error) {
	var a Assessment
	a.Failures = g.failures
	h := g.witnesses()
	for n, c := range g.models {
		model := c.Model()
		if reason, ok := g.refused[model.Name]; ok {
			a.NotChecked = append(a.NotChecked, NotChecked{model.Name, reason})
			continue
		}
		v := checkers.Verdict{Model: model.Name}
		if len(g.verdicts[n]) > 0 {
			v = checkers.Merge(g.verdicts[n])
		}
		if g.cut.Load() && v.Status != checkers.Violated {
			v.Status, v.Unfinished, v.NotDecided = checkers.Inconclusive, true, len(g.verdicts[n]) == 0
			v.Reasons = append(v.Reasons, "the check was interrupted before all keys were reached")
		}
		v.Violations = g.violations(n)
		v.Risk, v.Counts = model.Risk, model.Counts
		switch failed := a.failed(v.Model); {
		case !failed && !v.NotDecided:
			v = g.require.judge(g.ground, v)
		case failed && v.Status != checkers.Violated:
			v.Status, v.NotDecided, v.Reasons = checkers.Inconclusive, true, []string{failedReason} // in some part
		}
		a.Verdicts = append(a.Verdicts, v)
	}
	a.conclude(g.require)
	a.Coverage = CoverageOf(&g.parts.Frame)
	if g.ctx.Err() == nil {
		a.Staleness, a.Elements = g.measured.staleness(&g.parts.Frame), g.measured.elements()
	}
	return a, h, nil
}

// violations are those of a model that are kept, smallest first.
func (g *gatherer) violations(model int) []checkers.Violation {
	var v checkers.Verdict
	for i := range g.kept {
		if g.kept[i].model == model {
			v.Violations = append(v.Violations, g.kept[i].v)
		}
	}
	merged := checkers.Merge([]checkers.Verdict{v}).Violations
	return merged[:min(len(merged), g.budget.MaxViolations)]
}

// witnesses is the history of all operations of what was kept, and makes the violations
// point into it.
func (g *gatherer) witnesses() *history.History {
	parts := []*history.History{&g.parts.Frame}
	for i := range g.kept {
		parts = append(parts, g.kept[i].ops)
	}
	h, places := history.Join(append(parts, g.measured.ops...))
	g.measured.places = places[len(parts):]
	for i := range g.kept {
		v := &g.kept[i].v
		was := v.Ops
		place := func(op int) int {
			if n, ok := slices.BinarySearch(was, op); ok {
				return places[i+1][n]
			}
			return -1
		}
		v.Steps = slices.Clone(v.Steps)
		for n := range v.Steps {
			s := &v.Steps[n]
			s.From, s.To = place(s.From), place(s.To)
		}
		v.Ops = slices.Clone(places[i+1])
	}
	return h
}
