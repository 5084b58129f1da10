package txn

import (
	"context"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/decide"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/checkers/txn/internal/readings"
	"github.com/lapse-test/lapse/history"
)

// Checker decides one isolation level. Safe for concurrent use.
type Checker struct {
	model model
}

var _ checkers.Checker = (*Checker)(nil)

// New is the checker of the model called name, one of Models or of their other
// names (PL-3, strong-serializable ...).
func New(name string) (*Checker, error) {
	m, err := find(name)
	if err != nil {
		return nil, err
	}
	return &Checker{m}, nil
}

// Model implements checkers.Checker.
func (c *Checker) Model() checkers.Model { return c.model.about() }

// Applies implements checkers.Checker: the history must consist of reads and
// writes of registers and lists, and no list may have an element appended twice.
func (c *Checker) Applies(h *history.History) error { return ir.Applies(h) }

// Check implements checkers.Checker.
func (c *Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	vs, err := check(ctx, h, b, []model{c.model})
	if err != nil {
		return checkers.Verdict{}, err
	}
	return vs[0], nil
}

// CheckAll decides the named models, all if none are named, with the work that
// they share done once. A level that a stronger one settles is not searched
// again. The verdicts are in the order of the names.
func CheckAll(ctx context.Context, h *history.History, b checkers.Budget, names ...string) ([]checkers.Verdict, error) {
	if len(names) == 0 {
		names = checkers.NamesOf(Models())
	}
	var ms []model
	for _, n := range names {
		m, err := find(n)
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return check(ctx, h, b, ms)
}

func check(ctx context.Context, h *history.History, b checkers.Budget, ms []model) ([]checkers.Verdict, error) {
	if err := ir.Applies(h); err != nil {
		return nil, err
	}
	var out []checkers.Verdict
	var err error
	if readings.Named(h) {
		out, err = checkNamed(ctx, h, h, b, ms)
	} else {
		out, err = checkReadings(ctx, h, b, ms)
	}
	for i := range out {
		out[i].Unfinished = out[i].Status == checkers.Inconclusive
		demandEvidence(&out[i])
		if why := ms[i].outOfReach(h); why != "" && out[i].Status == checkers.Held {
			out[i].Status, out[i].Reasons = checkers.Inconclusive, []string{why}
		}
	}
	return out, err
}

// demandEvidence takes back a pass that nothing stands behind.
func demandEvidence(v *checkers.Verdict) {
	if v.Status == checkers.Held && v.Evidence.AtRisk == 0 {
		v.Status = checkers.Inconclusive
		v.Reasons = append(v.Reasons, "no transaction read what another one had written, so that nothing could have been violated")
	}
}

// strongestFirst are the indexes of ms in that order, because what holds at a level
// holds below.
func strongestFirst(ms []model) []int {
	order := make([]int, len(ms))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return len(levels().ImpliedBy(ms[j].Name)) - len(levels().ImpliedBy(ms[i].Name))
	})
	return order
}

// unfinished are the verdicts if the budget, of which err tells, ran out before
// anything was decided.
func unfinished(ms []model, err error, elapsed time.Duration) ([]checkers.Verdict, error) {
	if !guard.IsBudget(err) {
		return nil, err
	}
	var out []checkers.Verdict
	for _, m := range ms {
		out = append(out, checkers.Verdict{
			Model: m.Name, Status: checkers.Inconclusive, Reasons: []string{"the check was not finished: " + err.Error()},
			Algorithm: "none", Elapsed: elapsed,
		})
	}
	return out, nil
}

// checkNamed is check for a history in which every read names its write; shown is
// the same history as people are to see it. Whether a pass has evidence is not asked.
func checkNamed(ctx context.Context, h, shown *history.History, b checkers.Budget, ms []model) ([]checkers.Verdict, error) {
	start := time.Now()
	a, err := decide.New(ctx, h, shown, b)
	if err != nil {
		return unfinished(ms, err, time.Since(start))
	}
	verdicts := make([]checkers.Verdict, len(ms))
	var held []string
	for _, i := range strongestFirst(ms) {
		m := &ms[i]
		v := checkers.Verdict{Model: m.Name, Evidence: a.Evidence()}
		if s := slices.IndexFunc(held, func(s string) bool { return levels().Implies(s, m.Name) }); s >= 0 {
			v.Status, v.Algorithm = checkers.Held, "implied by "+held[s]
			v.Elapsed = time.Since(start)
			verdicts[i] = v
			continue
		}
		begin := time.Now()
		o, err := a.Decide(&m.Level, m.refuted)
		if err != nil {
			return nil, err
		}
		if o.Status == checkers.Held && m.outOfReach(h) == "" {
			held = append(held, m.Name)
		}
		v.Status, v.Reasons, v.Total, v.Violations, v.Algorithm = o.Status, o.Reasons, o.Total, o.Violations, o.Algorithm
		v.Violations = checkers.Spread(v.Violations, a.Max())
		for j := range v.Violations {
			v.Violations[j].Model = m.Name
		}
		v.Evidence.Bad = v.Total
		v.Elapsed = time.Since(begin)
		verdicts[i] = v
	}
	return verdicts, nil
}
