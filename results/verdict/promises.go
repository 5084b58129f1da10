package verdict

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/checkers/txn"
	"github.com/lapse-test/lapse/history"
)

// Promises lists the models that a database promises in a run's configuration, so that a
// violation of what was never promised is not held against it.
type Promises struct {
	// By names the database, the levels and what is set otherwise than usual.
	By string `json:"by"`
	// Models says of each model that the database speaks about whether it is
	// promised.
	Models map[string]bool `json:"models"`
}

// Of tells whether the model is promised, and whether anything is known of it: by
// itself, by a promised model that implies it, or by one that is not promised and
// that it implies.
func (p *Promises) Of(model string) (promised, known bool) {
	if p == nil {
		return false, false
	}
	if promised, known = p.Models[model]; known {
		return promised, true
	}
	refused := false
	for other, promised := range p.Models {
		if promised && registry.Lattice().Implies(other, model) {
			return true, true
		}
		refused = refused || !promised && registry.Lattice().Implies(model, other)
	}
	return false, refused
}

// Says is the sentence that goes with a verdict, empty where nothing is known of
// its model.
func (p *Promises) Says(v checkers.Verdict) string {
	promised, known := p.Of(v.Model)
	switch {
	case !known:
		return ""
	case promised && v.Status == checkers.Violated:
		return "promised by " + p.By + ": the database, or what it says of itself, is wrong"
	case promised:
		return "promised by " + p.By
	case v.Status == checkers.Violated:
		return "not promised by " + p.By + ": this configuration allows it, and it is no defect of the database"
	}
	return "not promised by " + p.By + ": it may break in another run"
}

// NameNote says what the name of a violated model means, where databases mean another
// thing by it; empty for all others.
func NameNote(v checkers.Verdict) string {
	if v.Status != checkers.Violated {
		return ""
	}
	switch v.Model {
	case txn.RepeatableRead, txn.SessionRepeatableRead, txn.StrongRepeatableRead:
		return v.Model + " is Adya's PL-2.99, which write skew violates; REPEATABLE READ of PostgreSQL is snapshot isolation and does not promise it: the model for that is " + txn.SnapshotIsolation
	}
	return ""
}

// FuncMeter finds the kinds of micro-operations in what it sees (figures.Meter). Not safe for concurrent use.
type FuncMeter struct{ seen [256]bool }

// See takes the operations of h.
func (m *FuncMeter) See(h *history.History) {
	for i := range h.Ops {
		for _, mop := range h.Mops(&h.Ops[i]) {
			m.seen[mop.Func] = true
		}
	}
}

// Funcs are the kinds that were seen, each once.
func (m *FuncMeter) Funcs() []history.Func {
	var out []history.Func
	for f, seen := range m.seen {
		if seen {
			out = append(out, history.Func(f))
		}
	}
	return out
}
