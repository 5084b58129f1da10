package txn

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/lattice"
	"github.com/lapse-test/lapse/checkers/txn/internal/decide"
	"github.com/lapse-test/lapse/checkers/txn/internal/facts"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/weak"
	"github.com/lapse-test/lapse/history"
)

// model is one isolation level with its order base.
type model struct {
	decide.Level
	meaning string
	// kept is in which order the level is kept, as lists tell it.
	kept Order
}

// Order says which order isolation levels keep besides that of reads and writes: lists tell the levels
// apart by it.
type Order int

// The plain levels, those that keep each session's order besides, and those that keep
// the order of real time.
const (
	Plain Order = iota
	InSessions
	InRealTime
)

// models are all levels, the weakest first.
func models() []model {
	type family struct {
		names    [3]string // without an order base, with sessions, with real time
		meanings string
		make     func(base graph.Kind) model
	}
	byGraph := func(mask graph.Kind, noOrder bool) func(graph.Kind) model {
		return func(base graph.Kind) model {
			return model{Level: decide.Level{Rule: graph.Rule{Automaton: graph.Plain(mask | base)}, NoOrder: noOrder}}
		}
	}
	byAxiom := func(vis weak.Visibility) func(graph.Kind) model {
		return func(graph.Kind) model { return model{Level: decide.Level{Vis: vis, NoOrder: true}} }
	}
	families := []family{
		{[3]string{ReadUncommitted, SessionReadUncommitted, StrongReadUncommitted},
			"writes of transactions do not interleave (Adya's PL-1)", byGraph(graph.KindWW, true)},
		{[3]string{ReadCommitted, SessionReadCommitted, StrongReadCommitted},
			"only final writes of committed transactions are read, and information does not flow in circles (Adya's PL-2)", byGraph(graph.KindVersion|graph.KindWR, true)},
		{[3]string{"", ReadCommittedBiswasEnea, StrongReadCommittedBiswasEnea},
			"read committed, and inside a transaction reads never go back (Biswas and Enea)", byAxiom(weak.SeenBefore)},
		{[3]string{"", ReadAtomic, StrongReadAtomic},
			"a transaction sees all of another's writes or none", byAxiom(weak.SeenDirectly)},
		{[3]string{"", TransactionalCausal, StrongTransactionalCausal},
			"a transaction sees everything that what it sees had seen", byAxiom(weak.SeenCausally)},
		{[3]string{"", Prefix, StrongPrefix},
			"every transaction sees a prefix of one order of all", func(base graph.Kind) model {
				return model{Level: decide.Level{Rule: graph.Rule{Automaton: graph.Prefixed(base)}}}
			}},
		{[3]string{"", PSI, StrongPSI},
			"causal snapshots, and of two concurrent writers of a key one aborts", func(base graph.Kind) model {
				return model{Level: decide.Level{Rule: graph.Rule{Automaton: graph.Plain(graph.KindVersion | graph.KindWR | base), OneRW: true}}}
			}},
		{[3]string{SnapshotIsolation, SessionSnapshotIsolation, StrongSnapshotIsolation},
			"every transaction sees a snapshot, and of two concurrent writers of a key one aborts", func(base graph.Kind) model {
				return model{Level: decide.Level{Rule: graph.Rule{Automaton: graph.AfterOne(graph.KindVersion | graph.KindWR | base)}}}
			}},
		{[3]string{RepeatableRead, SessionRepeatableRead, StrongRepeatableRead},
			"serializable as far as single items are concerned (Adya's PL-2.99)", byGraph(graph.KindVersion|graph.KindWR|graph.KindRW, false)},
		{[3]string{Serializable, SessionSerializable, StrictSerializable},
			"the outcome is that of one transaction after another", byGraph(graph.KindVersion|graph.KindWR|graph.KindAnyRW, false)},
	}
	suffix := [...]string{Plain: "", InSessions: ", in the order of each session", InRealTime: ", in the order of real time"}
	var out []model
	for i, base := range []graph.Kind{graph.BaseNone, graph.BaseSession, graph.BaseRealtime} {
		for _, f := range families {
			if f.names[i] == "" {
				continue
			}
			m := f.make(base)
			m.Name, m.Base = f.names[i], base
			m.meaning = f.meanings
			if f.names[0] != "" || i == 2 { // the axioms are of sessions from the start
				m.kept = Order(i)
			}
			m.meaning += suffix[m.kept]
			out = append(out, m)
		}
	}
	return out
}

// outOfReach gives the reason why h cannot satisfy the level for certain whatever is found, because
// it does not tell an order that the level asks for; "" if it does.
func (m model) outOfReach(h *history.History) string {
	switch {
	case m.Base&graph.KindRT != 0 && !h.HasOrder():
		return "the history has no clock: the order of real time, which the level asks for, was not checked"
	case m.Base&graph.KindSO != 0 && h.Sessionless():
		return "the history names no processes: each transaction was taken for a session of its own, and the order of sessions, which the level asks for, was not checked"
	}
	return ""
}

// families are those of the levels that keep an order.
var families = map[Order]checkers.Family{Plain: checkers.Levels, InSessions: checkers.LevelsInSessions, InRealTime: checkers.LevelsInRealTime}

// refuted tells whether an anomaly refutes the level.
func (m model) refuted(anomaly string) bool { return levels().Refuted(anomaly, m.Name) }

// about describes the level.
func (m model) about() checkers.Model {
	return checkers.Model{
		Family: families[m.kept],
		Name:   m.Name, Meaning: m.meaning, Implies: implied()[m.Name], RefutedBy: refutedBy(m.Name), Risk: "reads",
		Timeless: m.Base == graph.BaseNone,
		// To read uncommitted reads are no evidence but of the order of versions: where lists that
		// were read disagree, the longest tells it, which may not have come.
		Monotone: !slices.Contains([]string{ReadUncommitted, SessionReadUncommitted, StrongReadUncommitted}, m.Name),
		New:      func() checkers.Checker { return &Checker{m} },
		Refute:   facts.Refuted,
	}
}

// levels is which level implies which.
var levels = sync.OnceValue(func() *lattice.Lattice {
	var all []checkers.Model
	for _, m := range models() {
		all = append(all, m.about())
	}
	return lattice.Of(all)
})

// Models are the isolation levels, weaker ones first as far as they can be compared.
func Models() []checkers.Model {
	all := models()
	slices.SortStableFunc(all, func(a, b model) int {
		return len(levels().ImpliedBy(a.Name)) - len(levels().ImpliedBy(b.Name))
	})
	var out []checkers.Model
	for _, m := range all {
		out = append(out, m.about())
	}
	return out
}

// aliases are other names in use.
var aliases = map[string]string{
	"strong-serializable":                        StrictSerializable,
	"strict-snapshot-isolation":                  StrongSnapshotIsolation,
	"strong-session-prefix":                      Prefix,
	"strong-session-parallel-snapshot-isolation": PSI,
	"PL-1": ReadUncommitted, "PL-2": ReadCommitted, "PL-2.99": RepeatableRead, "PL-3": Serializable,
}

func find(name string) (model, error) {
	if a, ok := aliases[name]; ok {
		name = a
	}
	for _, m := range models() {
		if m.Name == name {
			return m, nil
		}
	}
	return model{}, fmt.Errorf("there is no isolation level %q; there are: %s", name, strings.Join(checkers.NamesOf(Models()), ", "))
}
