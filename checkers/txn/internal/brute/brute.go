// Package brute decides isolation levels by trying every commit order of every
// choice of indeterminate transactions, and of writes that each read may have seen,
// against the axioms of Biswas and Enea (OOPSLA 2019). It knows nothing of graphs, and shares no code with the
// checkers that it is there to test. Exponential: for a handful of transactions.
package brute

import (
	"strings"

	"github.com/lapse-test/lapse/history"
)

// txn is a committed transaction.
type txn struct {
	op    int
	reads []read
	// lists are the whole lists that it read, by key: prefixes of the order of all
	// appends.
	lists []whole
	// writes are the last micro-operations that wrote a key, appends all appended
	// values.
	writes  map[history.Key]int
	appends map[history.Key][]history.Value
}

// read is an external read: of the version that source installed (-1: initial).
type read struct {
	key    history.Key
	source int
}

// whole is a list as a transaction read it, its own appends included.
type whole struct {
	key  history.Key
	list []history.Value
}

// Oracle decides levels for one history.
type Oracle struct {
	h *history.History
	// seen is which write each register read is taken to have seen: one of
	// candidates, by the number of the read.
	candidates map[at][]at
	seen       map[at]at
	// Odd says, after Holds, that the lists of the history name no order of the
	// appends of committed transactions: two of them contradict each other, or one
	// has an element that nobody appended or an aborted one. That is for read
	// committed and upwards to refute; read uncommitted is then not defined here.
	Odd bool
}

// at is a micro-operation: mop of operation op. The initial version and what nobody
// wrote have numbers below 0.
type at struct{ op, mop int }

var (
	initial = at{-1, 0}
	nobody  = at{-2, 0}
)

// New makes an oracle of h.
func New(h *history.History) *Oracle {
	o := &Oracle{h: h, candidates: map[at][]at{}, seen: map[at]at{}}
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		for j := range mops {
			v := mops[j].Ret
			switch {
			case mops[j].Func == history.CAS:
				v = mops[j].Expect
			case mops[j].Func != history.Read || mops[j].Flags&history.Observed == 0:
				continue
			}
			o.candidates[at{i, j}] = o.writersOf(mops[j].Key, v)
		}
	}
	return o
}

// base orders.
type base uint8

const (
	none base = iota
	session
	realtime
)

func split(model string) (b base, level string) {
	switch {
	case model == "strict-serializable":
		return realtime, "serializable"
	case strings.HasPrefix(model, "strong-session-"):
		return session, strings.TrimPrefix(model, "strong-session-")
	case strings.HasPrefix(model, "strong-"):
		return realtime, strings.TrimPrefix(model, "strong-")
	}
	switch model {
	case "read-committed-biswas-enea", "read-atomic", "transactional-causal", "prefix", "parallel-snapshot-isolation":
		return session, model
	}
	return none, model
}

// Holds tells whether the history satisfies the model.
func (o *Oracle) Holds(model string) bool {
	b, level := split(model)
	var infos []int
	for i := range o.h.Ops {
		if o.h.Ops[i].Outcome == history.Info {
			infos = append(infos, i)
		}
	}
	for choice := range 1 << len(infos) {
		in := map[int]bool{}
		for j, i := range infos {
			in[i] = choice>>j&1 == 1
		}
		if o.eachReading(func() bool { return o.holdsWith(b, level, in) }) {
			return true
		}
	}
	return false
}

// owner finds who wrote v to k; final says whether it was the last of its
// transaction to the key.
func (o *Oracle) owner(k history.Key, v history.Value) (op, mop int, final, ok bool) {
	for i := range o.h.Ops {
		mops := o.h.Mops(&o.h.Ops[i])
		for j := range mops {
			if m := &mops[j]; m.Func.Installs() && m.Key == k && m.Arg == v {
				final = true
				for _, later := range mops[j+1:] {
					if later.Func.Installs() && later.Key == k {
						final = false
					}
				}
				return i, j, final, true
			}
		}
	}
	return 0, 0, false, false
}

func (o *Oracle) holdsWith(b base, level string, info map[int]bool) bool {
	var txns []txn
	place := map[int]int{}
	for i := range o.h.Ops {
		if c := o.h.Ops[i].Outcome; c == history.OK || c == history.Info && info[i] {
			place[i] = len(txns)
			txns = append(txns, txn{op: i, writes: map[history.Key]int{}, appends: map[history.Key][]history.Value{}})
		}
	}
	committedReads := level != "read-uncommitted"
	internal := level != "read-uncommitted" && level != "read-committed"
	for t := range txns {
		if !o.load(&txns[t], place, committedReads, internal) {
			return false
		}
	}
	if contradictory(txns) {
		o.Odd = true
	}
	so := o.baseOrder(b, txns)
	if level == "parallel-snapshot-isolation" {
		return o.parallel(txns, so)
	}
	found := false
	permute(len(txns), func(co []int) bool {
		found = o.satisfies(level, txns, so, co)
		return found
	})
	return found
}
