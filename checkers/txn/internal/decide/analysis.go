package decide

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/explain"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
)

// analysis has what is worked out once for a history, whatever the levels that
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
