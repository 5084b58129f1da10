package txn

import (
	"context"
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/history"
)

// analysis is what is worked out once for a history, whatever the levels that
// are asked for.
type analysis struct {
	*dsg
	gd   *guard.Guard
	all  *graph.Graph // everything that is known, with every order base
	core *graph.Graph // the part of it that lies on cycles
	ids  []int32      // the nodes of core in all
	// openRegisters: some register has more than one writer. openLists: some list
	// has several unobserved appends.
	openRegisters, openLists bool
	evidence                 checkers.Evidence
	// asked remembers what verify scanned the history for.
	asked      map[any]bool
	versionsOf *rawLists
	// kept is the memory of all and core.
	kept int64
}

func analyse(ctx context.Context, h, shown *history.History, b checkers.Budget) (*analysis, error) {
	gd := guard.New(ctx, b)
	r, err := build(h, shown, gd)
	if err != nil {
		return nil, err
	}
	if err := r.examine(); err != nil {
		return nil, err
	}
	a := &analysis{dsg: r.newDSG(), gd: gd}
	a.versionsOf = &rawLists{node: r.node, lists: map[history.Key][][]history.Value{}}
	a.count()
	return a, nil
}

// count fills in the evidence and whether version orders are open.
func (a *analysis) count() {
	e := &a.evidence
	for i := range a.h.Ops {
		switch a.h.Ops[i].Outcome {
		case history.OK:
			e.OK++
		case history.Fail:
			e.Fail++
		default:
			e.Info++
		}
	}
	writers := make([]int32, a.keys)
	used := make([]bool, a.keys)
	for w := range a.writes {
		wr := &a.writes[w]
		if a.node[wr.op] < 0 {
			continue
		}
		e.Writes++
		used[wr.key] = true
		if !wr.final || a.lists[wr.key] && a.verPos[w] != unseen {
			continue
		}
		if writers[wr.key]++; writers[wr.key] > 1 {
			if a.lists[wr.key] {
				a.openLists = true
			} else {
				a.openRegisters = true
			}
		}
	}
	for v := range int32(a.n) {
		for _, x := range a.externals(v) {
			used[x.key] = true
			e.Reads++
			if x.source >= 0 && x.source != v {
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
	used := a.gd.Used
	defer func() { a.kept += a.gd.Used - used }()
	a.full()
	all, err := a.graph()
	if err != nil {
		return err
	}
	comps, err := graph.Components(a.gd, all, graph.Plain(graph.KindAll))
	if err != nil {
		return err
	}
	var keep []int32
	for _, c := range comps {
		keep = append(keep, c...)
	}
	keep = graph.Sorted(keep)
	core, err := all.Subgraph(a.gd, keep)
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
	for _, name := range a.found.names() {
		if levels().Refuted(name, m.name) {
			f := a.found.kinds[name]
			o.total += f.count
			o.violations = append(o.violations, f.first...)
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
	before := a.gd.Used - a.kept
	defer func() { a.gd.Used = before + a.kept }()
	o := a.direct(m)
	var err error
	var more outcome
	switch m.level {
	case levelWeak:
		more, err = a.decideWeak(m)
	case levelPSI:
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
