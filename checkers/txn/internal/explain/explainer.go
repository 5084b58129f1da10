// Package explain verifies cycles edge by edge against the operations, gives them the
// names of the field and tells them so that people can follow. It takes what it stands
// on as arguments and decides nothing.
package explain

import (
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/history"
)

// certifiedBy says how witnesses were checked again.
const certifiedBy = "edge by edge against the operations"

// Explainer turns cycles into violations that people can follow: why each edge holds,
// and what the field calls the whole. It verifies them first, without any of the
// indexes that found them.
type Explainer struct {
	*dsg.DSG
	// derived are the version orders that edges may stand on besides what was seen.
	dsg.Derived
	*asked
}

// asked remembers what verification scanned the history for.
type asked struct {
	wrote map[ir.KeyValue]bool
	raw   *rawLists
}

// rawLists are the lists of each key as verify found them.
type rawLists struct {
	node  []int32 // by operation, below 0 for those that do not count
	lists map[history.Key][][]history.Value
	byKey *history.KeyIndex
}

// New explains the cycles of d, on what was seen alone.
func New(d *dsg.DSG) *Explainer {
	raw := &rawLists{node: d.Node, lists: map[history.Key][][]history.Value{}}
	return &Explainer{DSG: d, asked: &asked{wrote: map[ir.KeyValue]bool{}, raw: raw}}
}

// With is ex where the orders f are known too.
func (ex *Explainer) With(f dsg.Derived) *Explainer {
	return &Explainer{DSG: ex.DSG, Derived: f, asked: ex.asked}
}

// Of is ex for d, a projection of its graph.
func (ex *Explainer) Of(d *dsg.DSG) *Explainer {
	return &Explainer{DSG: d, Derived: ex.Derived, asked: ex.asked}
}

// Cycle is the violation that the cycle c is, which auto accepts, as short as it can be
// told. An error is a mistake in the checker, or the end of the budget.
func (ex *Explainer) Cycle(c []graph.Edge, auto *graph.Automaton) (checkers.Violation, error) {
	c = ex.short(c, auto)
	if err := ex.verify(c, auto); err != nil {
		return checkers.Violation{}, err
	}
	return ex.certified(c, ex.classify(c)), nil
}

// StaleRead is the violation that reader read an older version than that of from, of
// which it knew by path.
func (ex *Explainer) StaleRead(path []graph.Edge, from, reader int32, name string) (checkers.Violation, error) {
	c := append(slices.Clip(path), graph.Edge{From: reader, To: from, Kind: graph.KindRW})
	if err := ex.verify(c, graph.Plain(graph.KindAll)); err != nil {
		return checkers.Violation{}, err
	}
	for _, e := range path {
		if e.Kind == graph.KindRT {
			name += anomaly.OverRealtime
			break
		}
	}
	v := ex.certified(c, name)
	v.Session = ex.OpOf(reader).Session
	return v, nil
}

func (ex *Explainer) certified(c []graph.Edge, name string) checkers.Violation {
	v := ex.violation(c, name)
	v.Certified = certifiedBy
	return v
}
