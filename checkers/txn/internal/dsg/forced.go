package dsg

import "github.com/lapse-test/lapse/checkers/txn/internal/graph"

// Forced says that the version of From was installed before that of To.
type Forced struct {
	From, To int32
	Key      int32
	// Reader read the version of To and had From in its past.
	Reader int32
}

// Derived are version orders that the axiom of a level forces. The zero value are
// none.
type Derived struct {
	Orders []Forced
	// Know returns the edges by which the reader of a forced order came to know of the earlier writer.
	Know func(t2, reader int32) ([]graph.Edge, error)
	// Anomaly names the anomaly that the axiom forbids.
	Anomaly string
}

// Emit gives the orders as edges.
func (f *Derived) Emit(edge func(from, to int32, k graph.Kind)) {
	for _, o := range f.Orders {
		edge(o.From, o.To, graph.KindCO)
	}
}
