package witness

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/bank"
	"github.com/lapse-test/lapse/checkers/counter"
	"github.com/lapse-test/lapse/checkers/eventual"
	"github.com/lapse-test/lapse/checkers/list"
	"github.com/lapse-test/lapse/checkers/longfork"
	"github.com/lapse-test/lapse/checkers/queue"
	"github.com/lapse-test/lapse/checkers/set"
	"github.com/lapse-test/lapse/checkers/unique"
	"github.com/lapse-test/lapse/history"
)

// ErrNotProven says that a witness was checked again and proves nothing: a mistake
// in the checker that made it.
var ErrNotProven = errors.New("the witness does not prove the violation when checked by itself")

// Verify checks a violation of h again, on the operations of its witness, by slow
// means that share nothing with the checker that found it: brute force over all
// orders, or the definition of the anomaly read off the operations, with scans of h
// for what only the whole history can say (that nobody wrote a value, that nobody
// saw an element later).
//
// by says what refuted it again. It is empty, without an error, for witnesses too
// large for brute force and for models that have no definition here. The error is
// ErrNotProven.
func Verify(ctx context.Context, h *history.History, v *checkers.Violation) (by string, err error) {
	p := &proof{ctx: ctx, h: h, v: v}
	if len(v.Ops) == 0 || slices.Min(v.Ops) < 0 || slices.Max(v.Ops) >= len(h.Ops) {
		return "", fmt.Errorf("%s: %s: it names operations that the history does not have: %w", v.Model, v.Anomaly, ErrNotProven)
	}
	by, proven := p.decide()
	if by == "" {
		return "", nil
	}
	if !proven {
		return "", fmt.Errorf("%s: %s: operations %v: %w", v.Model, v.Anomaly, v.Ops, ErrNotProven)
	}
	return by, nil
}

// The means of verification, as reports name them.
const (
	byOrders     = "every order of the witness tried"
	byDefinition = "the definition read off the operations"
)

// proof is a violation under examination.
type proof struct {
	ctx context.Context
	h   *history.History
	v   *checkers.Violation
	// writers are, of the values that the witness saw, those that somebody wrote;
	// nil until asked for.
	writers map[value]writers
}

// writers tells who wrote a value: something that may have happened, something that
// failed.
type writers struct{ happened, failed bool }

// writersOfSeen scans the history once for the values that the witness saw.
func (p *proof) writersOfSeen() map[value]writers {
	if p.writers != nil {
		return p.writers
	}
	p.writers = map[value]writers{}
	for _, i := range p.v.Ops {
		mops := p.h.Mops(p.op(i))
		for j := range mops {
			m := &mops[j]
			if m.Func == history.CAS {
				p.writers[value{m.Key, m.Expect}] = writers{}
			}
			if m.Flags&history.Observed == 0 {
				continue
			}
			if list := p.h.List(m); m.Func == history.ReadList || m.Func == history.ReadSet {
				for _, v := range list {
					p.writers[value{m.Key, v}] = writers{}
				}
				continue
			}
			p.writers[value{m.Key, m.Ret}] = writers{}
		}
	}
	for i := range p.h.Ops {
		failed := p.h.Ops[i].Outcome == history.Fail
		for _, m := range p.h.Mops(&p.h.Ops[i]) {
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

// decide picks the means for the model.
func (p *proof) decide() (by string, proven bool) {
	switch p.v.Model {
	case set.Linearizable, set.Model, list.Model, queue.FIFO, queue.Model:
		return p.object()
	case counter.Model:
		return byDefinition, p.counter()
	case unique.Model:
		return byDefinition, p.unique()
	case bank.Model:
		return byDefinition, p.bank()
	case longfork.Model:
		return byDefinition, p.longFork()
	case eventual.Model:
		return byDefinition, p.eventual()
	}
	if by, proven, ok := p.register(); ok {
		return by, proven
	}
	return p.transaction()
}

// op is an operation of the history.
func (p *proof) op(i int) *history.Op { return &p.h.Ops[i] }

// each calls f with every micro-operation of the whole history that is on key and
// not of a failed operation, until it returns true, and tells whether it did.
func (p *proof) each(key history.Key, f func(i int, op *history.Op, m *history.Mop) bool) bool {
	for i := range p.h.Ops {
		op := &p.h.Ops[i]
		if op.Outcome == history.Fail {
			continue
		}
		mops := p.h.Mops(op)
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
func (p *proof) installed(key history.Key, v history.Value) bool {
	return p.writersOfSeen()[value{key, v}].happened
}

// initial tells whether v is what a key holds before it is written.
func (p *proof) initial(v history.Value) bool {
	return v == history.Absent || v == p.h.Header.Initial
}

// inWitness tells whether operation i is one of the witness.
func (p *proof) inWitness(i int) bool { return slices.Contains(p.v.Ops, i) }

// observed tells whether m returned something.
func observed(op *history.Op, m *history.Mop) bool {
	return op.Outcome != history.Fail && m.Flags&history.Observed != 0
}
