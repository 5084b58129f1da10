// Package refute holds the means by which violations are verified: brute force over all
// orders of a witness, the definition of an anomaly read off its operations, and scans of
// the history for what only the whole of it can say (that nobody wrote a value, that
// nobody saw an element later). They are slow, and share nothing with the checkers that
// find violations. A package of checkers makes the checkers.Refuter of its models of them.
package refute

import (
	"context"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// The means of verification, as reports name them.
const (
	ByOrders     = "every order of the witness tried"
	ByDefinition = "checked against the definition"
)

// Proof is a violation under examination. Not safe for concurrent use.
type Proof struct {
	Ctx context.Context
	H   *history.History
	V   *checkers.Violation
	// writers are, of the values that the witness saw, those that somebody wrote;
	// nil until asked for.
	writers map[value]writers
}

// Definition is a refuter that reads the definition of the anomaly off the operations:
// holds tells whether they have it.
func Definition(holds func(p *Proof) bool) checkers.Refuter {
	return func(ctx context.Context, h *history.History, v *checkers.Violation) (string, bool) {
		return ByDefinition, holds(&Proof{Ctx: ctx, H: h, V: v})
	}
}

// writers tells who wrote a value: something that may have happened, something that
// failed.
type writers struct{ happened, failed bool }

// writersOfSeen scans the history once for the values that the witness saw.
func (p *Proof) writersOfSeen() map[value]writers {
	if p.writers != nil {
		return p.writers
	}
	p.writers = map[value]writers{}
	for _, i := range p.V.Ops {
		mops := p.H.Mops(p.Op(i))
		for j := range mops {
			m := &mops[j]
			if m.Func == history.CAS {
				p.writers[value{m.Key, m.Expect}] = writers{}
			}
			if m.Flags&history.Observed == 0 {
				continue
			}
			if list := p.H.List(m); m.Func == history.ReadList || m.Func == history.ReadSet {
				for _, v := range list {
					p.writers[value{m.Key, v}] = writers{}
				}
				continue
			}
			p.writers[value{m.Key, m.Ret}] = writers{}
		}
	}
	// Most operations of a long history are on other keys, and their values need not be looked up.
	keys := map[history.Key]bool{}
	for at := range p.writers {
		keys[at.key] = true
	}
	for i := range p.H.Ops {
		failed := p.H.Ops[i].Outcome == history.Fail
		mops := p.H.Mops(&p.H.Ops[i])
		for j := range mops {
			m := &mops[j]
			if !keys[m.Key] {
				continue
			}
			at := value{m.Key, m.Arg}
			if m.Func == history.Delete {
				at.v = history.Absent
			} else if !m.Func.Installs() {
				continue
			}
			if w, ok := p.writers[at]; ok {
				w.failed, w.happened = w.failed || failed, w.happened || !failed
				p.writers[at] = w
			}
		}
	}
	return p.writers
}

// Op is an operation of the history.
func (p *Proof) Op(i int) *history.Op { return &p.H.Ops[i] }

// Each calls f with every micro-operation of the whole history that is on key and
// not of a failed operation, until it returns true, and tells whether it did.
func (p *Proof) Each(key history.Key, f func(i int, op *history.Op, m *history.Mop) bool) bool {
	for i := range p.H.Ops {
		op := &p.H.Ops[i]
		if op.Outcome == history.Fail {
			continue
		}
		mops := p.H.Mops(op)
		for j := range mops {
			if mops[j].Key == key && f(i, op, &mops[j]) {
				return true
			}
		}
	}
	return false
}

// installed tells whether anything that may have happened put v, which the witness
// saw, into key.
func (p *Proof) installed(key history.Key, v history.Value) bool {
	return p.writersOfSeen()[value{key, v}].happened
}

// Initial tells whether v is what a key holds before it is written.
func (p *Proof) Initial(v history.Value) bool {
	return v == history.Absent || v == p.H.Header.Initial
}

// InWitness tells whether operation i is one of the witness.
func (p *Proof) InWitness(i int) bool { return slices.Contains(p.V.Ops, i) }

// Observed tells whether m returned something.
func Observed(op *history.Op, m *history.Mop) bool {
	return op.Outcome != history.Fail && m.Flags&history.Observed != 0
}

// EverWritten tells whether somebody wrote v, which the witness saw, to k; by operations
// that failed as well, if failed is set.
func (p *Proof) EverWritten(k history.Key, v history.Value, failed bool) bool {
	w := p.writersOfSeen()[value{k, v}]
	return w.happened || failed && w.failed
}

// value names a value of a key.
type value struct {
	key history.Key
	v   history.Value
}

// Mops calls f with the micro-operations of the witness on its key.
func (p *Proof) Mops(f func(op *history.Op, m *history.Mop)) {
	for _, i := range p.V.Ops {
		op := p.Op(i)
		mops := p.H.Mops(op)
		for j := range mops {
			if p.H.KeyName(mops[j].Key) == p.V.Key {
				f(op, &mops[j])
			}
		}
	}
}
