// Package decide finds out whether a history in which every read names its write satisfies an isolation level: by the
// anomalies that the representation shows at once, by cycles, by the axioms of the weak levels and, where version orders
// are not known, by what can be said of them.
package decide

import (
	"context"
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/explain"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/checkers/txn/internal/weak"
	"github.com/lapse-test/lapse/history"
)

// Level says what an isolation level forbids.
type Level struct {
	// Rule forbids cycles. Without an automaton the axiom of Biswas and Enea decides
	// that Vis stands for.
	graph.Rule
	Vis weak.Visibility
	// NoOrder: with unknown version orders the automaton over the known edges decides,
	// because the orders can be chosen along any topological order.
	NoOrder bool
}

// Decision tells what was found about one level.
type Decision struct {
	Status     checkers.Status
	Total      int                  // violations
	Violations []checkers.Violation // the first of them; they do not name the level
	Reasons    []string             // why it is inconclusive
	Algorithm  string
}

// Analysis decides levels of one history, with the work that they share done once. Not safe for concurrent use.
type Analysis struct{ a *analysis }

// New reads h, in which every read names its write; shown is the same history as people are to see it. b is the budget of
// all calls together, from now on. An error that guard.IsBudget says that it did not suffice for reading.
func New(ctx context.Context, h, shown *history.History, b checkers.Budget) (*Analysis, error) {
	r, err := ir.Build(h, shown, guard.New(ctx, b))
	if err != nil {
		return nil, err
	}
	d := dsg.New(r)
	a := &analysis{DSG: d, explain: explain.New(d)}
	a.count()
	return &Analysis{a}, nil
}

// Evidence counts what stands behind every verdict on the history.
func (x *Analysis) Evidence() checkers.Evidence { return x.a.evidence }

// Max returns the number of violations of a level that get a witness.
func (x *Analysis) Max() int { return x.a.Guard.Max }

// Direct is the outcome by what shows without a graph; refutes tells whether an anomaly refutes the level. Its status is
// set only if that is so.
func (x *Analysis) Direct(refutes func(anomaly string) bool) Decision {
	var o Decision
	for _, name := range x.a.Found.Names() {
		if refutes(name) {
			n, first := x.a.Found.Of(name)
			o.Total += n
			o.Violations = append(o.Violations, first...)
		}
	}
	if o.Total > 0 {
		o.Status = checkers.Violated
		o.Algorithm = "direct anomalies"
	}
	return o
}

// Decide finds out about one level; refutes tells whether an anomaly refutes it. A budget that runs out makes the outcome
// inconclusive; errors are the context's and the checker's own mistakes.
func (x *Analysis) Decide(l *Level, refutes func(anomaly string) bool) (Decision, error) {
	a := x.a
	// Whatever a level's own graphs took is free again afterwards.
	before := a.Guard.Used - a.kept
	defer func() { a.Guard.Used = before + a.kept }()
	o := x.Direct(refutes)
	var err error
	var more Decision
	switch {
	case l.Automaton == nil:
		more, err = a.decideWeak(l)
	case l.OneRW:
		more, err = a.decidePSI(l)
	default:
		more, err = a.decideGraph(l)
	}
	if err != nil && !guard.IsBudget(err) {
		return o, err
	}
	o.Total += more.Total
	o.Violations = append(o.Violations, more.Violations...)
	if more.Algorithm != "" {
		if o.Algorithm != "" {
			o.Algorithm += ", "
		}
		o.Algorithm += more.Algorithm
	}
	switch {
	case o.Total > 0:
		o.Status = checkers.Violated
	case err != nil:
		o.Status = checkers.Inconclusive
		o.Reasons = append(o.Reasons, fmt.Sprintf("the check was not finished: %v", err))
	default:
		o.Status, o.Reasons = more.Status, more.Reasons
	}
	return o, nil
}
