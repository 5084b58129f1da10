package witness

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/oracle"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/lostwrite"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/checkers/sequential"
	"github.com/lapse-test/lapse/checkers/session"
	"github.com/lapse-test/lapse/history"
)

// The most operations for which all orders are tried: brute force on one key bears
// more than one on the order of whole sessions.
const (
	maxLinear  = 14
	maxSession = brute.MaxOps
)

// register refutes witnesses of the register models by brute force. ok is false if
// the model is none of them.
func (p *proof) register() (by string, proven, ok bool) {
	switch p.v.Model {
	case linearizable.Model, lostwrite.Model, regular.Regular, regular.Safe, sequential.Model,
		causal.Causal, causal.Convergent, causal.Memory, causal.PRAM, causal.MonotonicWrites, causal.WritesFollowReads,
		session.ReadYourWrites, session.MonotonicReads:
	default:
		return "", false, false
	}
	for _, i := range p.v.Ops {
		if mops := p.h.Mops(p.op(i)); len(mops) != 1 || mops[0].Func == history.Concat {
			return "", false, true
		}
	}
	if slices.Contains(thinAir, p.v.Anomaly) {
		return byDefinition, p.fromNowhere(), true
	}
	if len(p.v.Ops) > maxSession {
		return "", false, true
	}
	part, in := p.withWriters()
	switch p.v.Model {
	case session.ReadYourWrites, session.MonotonicReads:
		ops, sessions, ok := oneKey(part, in)
		if !ok {
			return "", false, true
		}
		g := brute.Guarantee{OwnWrites: p.v.Model == session.ReadYourWrites, OwnReads: p.v.Model == session.MonotonicReads}
		return byOrders, !brute.Session(g, ops, sessions), true
	case regular.Regular, regular.Safe:
		ops, _, ok := oneKey(part, in)
		return byOrders, ok && p.irregular(ops), true
	case linearizable.Model, lostwrite.Model:
		ops, _, ok := oneKey(part, in)
		if !ok || len(ops) > maxLinear {
			return "", false, true
		}
		weaken(ops)
		return byOrders, !brute.Linearizable(ops), true
	}
	set, err := register.Split(part, p.v.Model, false)
	if err != nil {
		return "", false, true
	}
	f := register.Flatten(set)
	switch p.v.Model {
	case causal.MonotonicWrites, causal.WritesFollowReads:
		return byDefinition, !brute.WriteOrder(part, f, in, p.v.Model == causal.WritesFollowReads), true
	case sequential.Model:
		if o := oracle.New(part); o.Small() {
			return byOrders, !o.Sequential(), true
		}
		return "", false, true
	}
	definition := map[string]brute.Causally{
		causal.Causal: {}, causal.Convergent: {Convergent: true}, causal.Memory: {Views: true}, causal.PRAM: {Views: true, SessionAlone: true},
	}[p.v.Model]
	return byOrders, !definition.Satisfied(f, in), true
}

// fromNowhere tells whether some operation of the witness that was answered saw a
// value that its key can never have held: what it can hold grows from the initial
// value and from plain writes by compare-and-sets of what it can hold.
func (p *proof) fromNowhere() bool {
	saw := func(op *history.Op, m *history.Mop) (history.Value, bool) {
		if m.Func == history.CAS && op.Outcome != history.Fail {
			return m.Expect, op.Outcome == history.OK
		}
		return m.Ret, m.Flags&history.Observed != 0 && op.Outcome != history.Info
	}
	for _, i := range p.v.Ops {
		op := p.op(i)
		v, ok := saw(op, p.h.Mop(op))
		if ok && !p.initial(v) && !p.held(p.h.Mop(op).Key)[v] {
			return true
		}
	}
	return false
}

// held are the values that key can have held at any time.
func (p *proof) held(key history.Key) map[history.Value]bool {
	out := map[history.Value]bool{history.Absent: true, p.h.Header.Initial: true}
	for before := -1; before < len(out); {
		before = len(out)
		p.each(key, func(_ int, op *history.Op, m *history.Mop) bool {
			if m.Func.Installs() && (m.Func != history.CAS || out[m.Expect]) {
				out[m.Arg] = true
			}
			return false
		})
	}
	return out
}

// canHappen tells whether operation i, if it is a compare-and-set without an answer,
// can have met what it expected.
func (p *proof) canHappen(i int) bool {
	op, m := p.op(i), p.h.Mop(p.op(i))
	return m.Func != history.CAS || op.Outcome == history.OK || p.held(m.Key)[m.Expect]
}

// withWriters is the history of the witness and of everything that may have put there
// what it saw; in are the witness' places in it. A compare-and-set that is no part of
// the witness stands as a plain write: what it saw is no evidence here.
func (p *proof) withWriters() (part *history.History, in []int32) {
	type seen struct {
		key history.Key
		v   history.Value
	}
	saw, any := map[seen]bool{}, map[history.Key]bool{}
	for _, i := range p.v.Ops {
		op, m := p.op(i), p.h.Mop(p.op(i))
		switch {
		case m.Func == history.CAS && op.Outcome != history.Fail:
			saw[seen{m.Key, m.Expect}] = true
		case m.Flags&history.Observed != 0:
			saw[seen{m.Key, m.Ret}] = true
		case m.Flags&history.Mismatched != 0:
			any[m.Key] = true // whatever it met
		}
	}
	ops := slices.Clone(p.v.Ops)
	for i := range p.h.Ops {
		if p.h.Ops[i].Outcome == history.Fail {
			continue
		}
		m := p.h.Mop(&p.h.Ops[i])
		if m.Func.Installs() && (saw[seen{m.Key, m.Arg}] || any[m.Key]) && p.canHappen(i) || m.Func == history.Delete && (saw[seen{m.Key, history.Absent}] || any[m.Key]) {
			ops = append(ops, i)
		}
	}
	slices.Sort(ops)
	ops = slices.Compact(ops)
	part = p.h.Subset(ops)
	for at, i := range ops {
		op := &part.Ops[at]
		m := &part.Mops(op)[0]
		unknown := func(v history.Value) bool { return !p.initial(v) && !p.installed(m.Key, v) }
		switch {
		case m.Func == history.CAS && op.Outcome != history.Fail && (!p.inWitness(i) || unknown(m.Expect)):
			m.Func, m.Expect = history.Write, 0
		case m.Func == history.Read && m.Flags&history.Observed != 0 && unknown(m.Ret):
			continue
		}
		if p.inWitness(i) {
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

// weaken makes plain writes of compare-and-sets whose value nothing here installs.
func weaken(ops []register.Op) {
	for i := range ops {
		op := &ops[i]
		if op.Kind == register.CAS && op.Exp != register.Initial &&
			!slices.ContainsFunc(ops, func(x register.Op) bool { return x.Installs() && x.Val == op.Exp }) {
			op.Kind, op.Exp = register.Write, register.None
		}
	}
}

// irregular tells whether some read among ops is of a value that regularity (or
// safety) forbids; what other operations saw is left aside.
func (p *proof) irregular(ops []register.Op) bool {
	for r := range ops {
		shown := slices.Clone(ops)
		for i := range shown {
			if i != r && shown[i].Kind == register.CAS {
				shown[i].Kind, shown[i].Exp = register.Write, register.None
			}
		}
		if !brute.Regular(shown, p.v.Model == regular.Safe) {
			return true
		}
	}
	return false
}
