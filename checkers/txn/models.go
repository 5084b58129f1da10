package txn

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/lattice"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/history"
)

// level is how a model is decided.
type level uint8

const (
	levelGraph level = iota // the automaton finds no cycle
	levelPSI                // no cycle with exactly one rw edge, none without
	levelWeak               // the axiom of Biswas and Enea
)

// model is one isolation level with its order base.
type model struct {
	name, meaning string
	level         level
	base          graph.Kind
	vis           visibility
	automaton     *graph.Automaton
	// noOrder: with unknown version orders the automaton over what is known is
	// all there is to it, because they can be chosen along any topological order.
	noOrder bool
}

const (
	baseNone     = graph.Kind(0)
	baseSession  = graph.KindSO
	baseRealtime = graph.KindSO | graph.KindRT
)

const kindVersion = graph.KindWW | graph.KindCO

// models are all levels, the weakest first.
func models() []model {
	type family struct {
		names    [3]string // without an order base, with sessions, with real time
		meanings string
		make     func(base graph.Kind) model
	}
	byGraph := func(mask graph.Kind, noOrder bool) func(graph.Kind) model {
		return func(base graph.Kind) model {
			return model{automaton: graph.Plain(mask | base), noOrder: noOrder}
		}
	}
	weak := func(vis visibility) func(graph.Kind) model {
		return func(graph.Kind) model { return model{level: levelWeak, vis: vis, noOrder: true} }
	}
	families := []family{
		{[3]string{ReadUncommitted, SessionReadUncommitted, StrongReadUncommitted},
			"writes of transactions do not interleave (Adya's PL-1)", byGraph(graph.KindWW, true)},
		{[3]string{ReadCommitted, SessionReadCommitted, StrongReadCommitted},
			"only final writes of committed transactions are read, and information does not flow in circles (Adya's PL-2)", byGraph(kindVersion|graph.KindWR, true)},
		{[3]string{"", ReadCommittedBiswasEnea, StrongReadCommittedBiswasEnea},
			"read committed, and inside a transaction reads never go back (Biswas and Enea)", weak(seenBefore)},
		{[3]string{"", ReadAtomic, StrongReadAtomic},
			"a transaction sees all of another's writes or none", weak(seenDirectly)},
		{[3]string{"", TransactionalCausal, StrongTransactionalCausal},
			"a transaction sees everything that what it sees had seen", weak(seenCausally)},
		{[3]string{"", Prefix, StrongPrefix},
			"every transaction sees a prefix of one order of all", func(base graph.Kind) model { return model{automaton: graph.Prefixed(base)} }},
		{[3]string{"", PSI, StrongPSI},
			"causal snapshots, and of two concurrent writers of a key one aborts", func(base graph.Kind) model {
				return model{level: levelPSI, automaton: graph.Plain(kindVersion | graph.KindWR | base)}
			}},
		{[3]string{SnapshotIsolation, SessionSnapshotIsolation, StrongSnapshotIsolation},
			"every transaction sees a snapshot, and of two concurrent writers of a key one aborts", func(base graph.Kind) model {
				return model{automaton: graph.AfterOne(kindVersion | graph.KindWR | base)}
			}},
		{[3]string{RepeatableRead, SessionRepeatableRead, StrongRepeatableRead},
			"serializable as far as single items are concerned (Adya's PL-2.99)", byGraph(kindVersion|graph.KindWR|graph.KindRW, false)},
		{[3]string{Serializable, SessionSerializable, StrictSerializable},
			"the outcome is that of one transaction after another", byGraph(kindVersion|graph.KindWR|graph.KindAnyRW, false)},
	}
	suffix := [3]string{"", ", in the order of each session", ", in the order of real time"}
	var out []model
	for i, base := range []graph.Kind{baseNone, baseSession, baseRealtime} {
		for _, f := range families {
			if f.names[i] == "" {
				continue
			}
			m := f.make(base)
			m.name, m.base = f.names[i], base
			m.meaning = f.meanings
			if f.names[0] != "" || i == 2 {
				m.meaning += suffix[i]
			}
			out = append(out, m)
		}
	}
	return out
}

// outOfReach is why h cannot satisfy the level for certain whatever is found, because
// it does not tell an order that the level asks for; "" if it does.
func (m model) outOfReach(h *history.History) string {
	switch {
	case m.base&graph.KindRT != 0 && !h.HasClock():
		return "the history has no clock: the order of real time, which the level asks for, was not checked"
	case m.base&graph.KindSO != 0 && h.Sessionless():
		return "the history names no processes: each transaction was taken for a session of its own, and the order of sessions, which the level asks for, was not checked"
	}
	return ""
}

// about is what is to be said of the level.
func (m model) about() checkers.Model {
	return checkers.Model{
		Name: m.name, Meaning: m.meaning, Implies: implied()[m.name], RefutedBy: refutedBy(m.name), Risk: "reads",
		Timeless: m.base == baseNone,
		New:      func() checkers.Checker { return &Checker{m} },
		Refute:   refuted,
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
		return len(levels().ImpliedBy(a.name)) - len(levels().ImpliedBy(b.name))
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
		if m.name == name {
			return m, nil
		}
	}
	return model{}, fmt.Errorf("there is no isolation level %q; there are: %s", name, strings.Join(checkers.NamesOf(Models()), ", "))
}
