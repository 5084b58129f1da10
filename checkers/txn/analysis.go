package txn

import (
	"context"
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/explain"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/history"
)

// analysis is what is worked out once for a history, whatever the levels that
// are asked for.
type analysis struct {
	*dsg.DSG
	explain *explain.Explainer
	all     *graph.Graph // everything that is known, with every order base
	core    *graph.Graph // the part of it that lies on cycles
	ids     []int32      // the nodes of core in all
	// openRegisters: some register has more than one writer. openLists: some list
	// has several unobserved appends.
	openRegisters, openLists bool
	evidence                 checkers.Evidence
	// kept is the memory of all and core.
	kept int64
}

func analyse(ctx context.Context, h, shown *history.History, b checkers.Budget) (*analysis, error) {
	r, err := ir.Build(h, shown, guard.New(ctx, b))
	if err != nil {
		return nil, err
	}
	d := dsg.New(r)
	a := &analysis{DSG: d, explain: explain.New(d)}
	a.count()
	return a, nil
}

// count fills in the evidence and whether version orders are open.
func (a *analysis) count() {
	e := &a.evidence
	for i := range a.H.Ops {
		switch a.H.Ops[i].Outcome {
		case history.OK:
			e.OK++
		case history.Fail:
			e.Fail++
		default:
			e.Info++
		}
	}
	writers := make([]int32, a.Keys)
	used := make([]bool, a.Keys)
	for w := range a.Writes {
		wr := &a.Writes[w]
		if a.Node[wr.Op] < 0 {
			continue
		}
		e.Writes++
		used[wr.Key] = true
		if !wr.Final || a.Lists[wr.Key] && a.VerPos[w] != ir.Unseen {
			continue
		}
		if writers[wr.Key]++; writers[wr.Key] > 1 {
			if a.Lists[wr.Key] {
				a.openLists = true
			} else {
				a.openRegisters = true
			}
		}
	}
	for v := range int32(a.N) {
		for _, x := range a.Externals(v) {
			used[x.Key] = true
			e.Reads++
			if x.Source >= 0 && x.Source != v {
				e.AtRisk++
			}
		}
	}
	for _, u := range used {
		if u {
			e.Keys++
		}
	}
}

// graphs builds the graph of everything known and cuts out what lies on cycles.
func (a *analysis) graphs() error {
	if a.all != nil {
		return nil
	}
	used := a.Guard.Used
	defer func() { a.kept += a.Guard.Used - used }()
	a.Prepare()
	all, err := a.Graph()
	if err != nil {
		return err
	}
	comps, err := graph.Components(a.Guard, all, graph.Plain(graph.KindAll))
	if err != nil {
		return err
	}
	var keep []int32
	for _, c := range comps {
		keep = append(keep, c...)
	}
	keep = graph.Sorted(keep)
	core, err := all.Subgraph(a.Guard, keep)
	if err != nil {
		return err
	}
	a.all, a.core, a.ids = all, core, keep
	return nil
}

// outcome is what was found about one model.
type outcome struct {
	status     checkers.Status
	total      int
	violations []checkers.Violation
	reasons    []string
	algorithm  string
}

// direct are the anomalies found without a graph that refute the model.
func (a *analysis) direct(m *model) outcome {
	var o outcome
	for _, name := range a.Found.Names() {
		if levels().Refuted(name, m.Name) {
			n, first := a.Found.Of(name)
			o.total += n
			o.violations = append(o.violations, first...)
		}
	}
	if o.total > 0 {
		o.status = checkers.Violated
		o.algorithm = "direct anomalies"
	}
	return o
}

// decide finds out about one model.
func (a *analysis) decide(m *model) (outcome, error) {
	// Whatever a model's own graphs took is free again afterwards.
	before := a.Guard.Used - a.kept
	defer func() { a.Guard.Used = before + a.kept }()
	o := a.direct(m)
	var err error
	var more outcome
	switch {
	case m.Automaton == nil:
		more, err = a.decideWeak(m)
	case m.OneRW:
		more, err = a.decidePSI(m)
	default:
		more, err = a.decideGraph(m)
	}
	if err != nil && !guard.IsBudget(err) {
		return o, err
	}
	o.total += more.total
	o.violations = append(o.violations, more.violations...)
	if more.algorithm != "" {
		if o.algorithm != "" {
			o.algorithm += ", "
		}
		o.algorithm += more.algorithm
	}
	switch {
	case o.total > 0:
		o.status = checkers.Violated
	case err != nil:
		o.status = checkers.Inconclusive
		o.reasons = append(o.reasons, fmt.Sprintf("the check was not finished: %v", err))
	default:
		o.status, o.reasons = more.status, more.reasons
	}
	return o, nil
}
