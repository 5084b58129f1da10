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
	g := gatherer{ctx: ctx, parts: p, models: models, budget: b, require: r, deadline: time.Now().Add(b.Time), verdicts: make([][]checkers.Verdict, len(models)), keeping: keeping{most: b.MaxViolations, kept: make([][]kept, len(models))}}
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
	keeping  keeping
	ground   ground
	serving  serving
	refused  map[string]string
	failures []Failure
	measured partMeasures
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
	b.Workers, b.Part = 1, true
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
			v := a.check(g.ctx, own, b, group)[0]
			v.Evidence.Fail = max(0, v.Evidence.Fail-hidden) // which did not fail
			v.Violations = g.keeping.worthwhile(n, v.Violations)
			a.verify(g.ctx, own, c, c.Model(), &v)
			all = append(all, found{n, v})
		}
	}
	ground := g.require.groundOf(own, g.serving)
	measured := measurePart(g.ctx, own, g.budget, g.deadline.Add(g.budget.Time)) // as much time as for the models

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
		g.keeping.keep(f.model, f.v.Violations, own)
		f.v.Violations = nil
		g.verdicts[f.model] = append(g.verdicts[f.model], f.v)
	}
	return nil
}

// assess makes the assessment of what was gathered.
func (g *gatherer) assess() (Assessment, *history.History, error) {
	var a Assessment
	a.Failures = g.failures
	parts := append([]*history.History{&g.parts.Frame}, g.keeping.told()...)
	h, places := history.Join(append(parts, g.measured.ops...))
	g.keeping.point(places[1:])
	g.measured.places = places[len(parts):]
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
		v.Violations = g.keeping.violations(n)
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
