package refute

import (
	"context"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// The most operations for which all orders are tried: brute force on one key bears
// more than one on the order of whole sessions.
const (
	MaxOneKey  = 14
	maxSession = brute.MaxOps
)

// OneKey is a refuter of witnesses that are on one key of a register: satisfied tells
// whether the operations have an order that the model allows, and ops may be changed. most
// is how many it bears, 0 for as many as sessions bear.
func OneKey(most int, satisfied func(ops []register.Op, sessions []int32) bool) checkers.Refuter {
	if most == 0 {
		most = maxSession
	}
	return func(ctx context.Context, h *history.History, v *checkers.Violation) (by string, proven bool) {
		p := &Proof{Ctx: ctx, H: h, V: v}
		return p.refuted(func() (string, bool) {
			ops, sessions, ok := oneKey(p.withWriters())
			if !ok || len(ops) > most {
				return "", false
			}
			return ByOrders, !satisfied(ops, sessions)
		})
	}
}

// Sessions is a refuter of witnesses on several keys of registers: satisfied tells whether
// the operations in of part, laid out in f, have what the model asks; by names the means.
func Sessions(by string, satisfied func(part *history.History, f *register.Flat, in []int32) bool) checkers.Refuter {
	return Part(func(model string, part *history.History, in []int32) (string, bool) {
		set, err := register.Split(part, model, false)
		if err != nil {
			return "", false
		}
		return by, !satisfied(part, register.Flatten(set), in)
	})
}

// Part is a refuter of witnesses on several keys of registers: decide, of which the
// result is that of a checkers.Refuter, gets the operations in of part, which is a history
// of the witness and of what may have put there what it saw.
func Part(decide func(model string, part *history.History, in []int32) (by string, proven bool)) checkers.Refuter {
	return func(ctx context.Context, h *history.History, v *checkers.Violation) (string, bool) {
		p := &Proof{Ctx: ctx, H: h, V: v}
		return p.refuted(func() (string, bool) {
			part, in := p.withWriters()
			return decide(v.Model, part, in)
		})
	}
}

// refuted does what the refuters of registers share: it tells whether the witness are single
// operations on registers, and reads off them that nobody wrote what was seen, if it is
// about that; else orders decides, for witnesses no larger than brute force bears.
func (p *Proof) refuted(orders func() (by string, proven bool)) (by string, proven bool) {
	for _, i := range p.V.Ops {
		if mops := p.H.Mops(p.Op(i)); len(mops) != 1 || mops[0].Func == history.Concat {
			return "", false
		}
	}
	switch {
	case p.V.Anomaly == explain.AnomalyThinAir || p.V.Anomaly == explain.AnomalyAborted:
		return ByDefinition, p.fromNowhere()
	case len(p.V.Ops) > maxSession:
		return "", false
	}
	return orders()
}

// fromNowhere tells whether some operation of the witness that was answered saw a
// value that its key can never have held: what it can hold grows from the initial
// value and from plain writes by compare-and-sets of what it can hold.
func (p *Proof) fromNowhere() bool {
	saw := func(op *history.Op, m *history.Mop) (history.Value, bool) {
		if m.Func == history.CAS && op.Outcome != history.Fail {
			return m.Expect, op.Outcome == history.OK
		}
		return m.Ret, m.Flags&history.Observed != 0 && op.Outcome != history.Info
	}
	for _, i := range p.V.Ops {
		op := p.Op(i)
		v, ok := saw(op, p.H.Mop(op))
		if ok && !p.Initial(v) && !p.held(p.H.Mop(op).Key, false)[v] {
			return true
		}
	}
	return false
}

// held are the values that key can have held at any time; with answered, what an
// answered compare-and-set installed counts although its condition was never true.
func (p *Proof) held(key history.Key, answered bool) map[history.Value]bool {
	out := map[history.Value]bool{history.Absent: true, p.H.Header.Initial: true}
	for before := -1; before < len(out); {
		before = len(out)
		p.Each(key, func(_ int, op *history.Op, m *history.Mop) bool {
			if m.Func.Installs() && (m.Func != history.CAS || out[m.Expect] || answered && op.Outcome == history.OK) {
				out[m.Arg] = true
			}
			return false
		})
	}
	return out
}

// CanHappen tells whether operation i, if it is a compare-and-set without an answer,
// can have met what it expected.
func (p *Proof) CanHappen(i int) bool {
	op, m := p.Op(i), p.H.Mop(p.Op(i))
	return m.Func != history.CAS || op.Outcome != history.Info || p.held(m.Key, true)[m.Expect]
}

// withWriters is the history of the witness and of everything that may have put there
// what it saw; in are the witness' places in it. A compare-and-set that is no part of
// the witness stands as a plain write: what it saw is no evidence here.
func (p *Proof) withWriters() (part *history.History, in []int32) {
	type seen struct {
		key history.Key
		v   history.Value
	}
	// keys spares looking up the values of operations on others: most of a long history.
	saw, any, keys := map[seen]bool{}, map[history.Key]bool{}, map[history.Key]bool{}
	for _, i := range p.V.Ops {
		op, m := p.Op(i), p.H.Mop(p.Op(i))
		keys[m.Key] = true
		switch {
		case m.Func == history.CAS && op.Outcome != history.Fail:
			saw[seen{m.Key, m.Expect}] = true
		case m.Flags&history.Observed != 0:
			saw[seen{m.Key, m.Ret}] = true
		case m.Flags&history.Mismatched != 0:
			any[m.Key] = true // whatever it met
		}
	}
	ops := slices.DeleteFunc(slices.Clone(p.V.Ops), func(i int) bool { return !p.CanHappen(i) })
	for i := range p.H.Ops {
		if p.H.Ops[i].Outcome == history.Fail {
			continue
		}
		m := p.H.Mop(&p.H.Ops[i])
		if !keys[m.Key] {
			continue
		}
		if m.Func.Installs() && (saw[seen{m.Key, m.Arg}] || any[m.Key]) && p.CanHappen(i) || m.Func == history.Delete && (saw[seen{m.Key, history.Absent}] || any[m.Key]) {
			ops = append(ops, i)
		}
	}
	slices.Sort(ops)
	ops = slices.Compact(ops)
	part = p.H.Subset(ops)
	for at, i := range ops {
		op := &part.Ops[at]
		m := &part.Mops(op)[0]
		unknown := func(v history.Value) bool { return !p.Initial(v) && !p.installed(m.Key, v) }
		switch {
		case m.Func == history.CAS && op.Outcome != history.Fail && (!p.InWitness(i) || unknown(m.Expect)):
			m.Func, m.Expect = history.Write, 0
		case m.Func == history.Read && m.Flags&history.Observed != 0 && unknown(m.Ret):
			continue
		}
		if p.InWitness(i) {
			in = append(in, int32(at))
		}
	}
	return part, in
}

// oneKey are the records of the operations in of part, which must be on one key, and
// their sessions.
func oneKey(part *history.History, in []int32) (ops []register.Op, sessions []int32, ok bool) {
	if len(in) == 0 {
		return nil, nil, true
	}
	key := part.Mop(&part.Ops[in[0]]).Key
	for _, i := range in {
		if part.Mop(&part.Ops[i]).Key != key {
			return nil, nil, false
		}
	}
	// Writers of what was seen on this key are on it too.
	all := make([]int, len(part.Ops))
	for i := range all {
		all[i] = i
	}
	var k register.Key
	register.LoadOps(part, all, &k)
	for i := range k.Ops {
		if slices.Contains(in, k.Ops[i].At) {
			ops = append(ops, k.Ops[i])
			sessions = append(sessions, part.Ops[k.Ops[i].At].Session)
		}
	}
	return ops, sessions, true
}

// Weaken makes plain writes of compare-and-sets whose value nothing here installs.
func Weaken(ops []register.Op) {
	for i := range ops {
		op := &ops[i]
		if op.Kind == register.CAS && op.Exp != register.Initial &&
			!slices.ContainsFunc(ops, func(x register.Op) bool { return x.Installs() && x.Val == op.Exp }) {
			op.Kind, op.Exp = register.Write, register.None
		}
	}
}
