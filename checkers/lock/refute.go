package lock

import (
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/history"
)

// refuted tries every order of what went on on the lock of the witness from just before
// its first answer until its last, from every state that the lock can have been in before. It
// reads the history itself, and shares with the checker only what the rules of the model
// are.
func refuted(_ context.Context, h *history.History, v *checkers.Violation) (by string, proven bool) {
	r, err := rulesOf(v.Model)
	if err != nil || len(v.Ops) == 0 {
		return "", false
	}
	key := h.Mop(&h.Ops[v.Ops[0]]).Key
	from, to := history.Never, history.Time(0)
	for _, i := range v.Ops {
		if h.Ops[i].Outcome == history.OK {
			from, to = min(from, h.Ops[i].Complete), max(to, h.Ops[i].Complete)
		}
	}
	// The last answer before the first of the witness is where it begins.
	cut := history.Time(-1)
	for i := range h.Ops {
		op := &h.Ops[i]
		if h.Mop(op).Key == key && op.Outcome == history.OK && op.Complete < from {
			cut = max(cut, op.Complete)
		}
	}
	b := brute{h: h, rules: r, cut: cut, seen: map[string]bool{}}
	counts := map[string]int{}
	for i := range h.Ops {
		op := &h.Ops[i]
		m := h.Mop(op)
		if m.Key != key || op.Outcome == history.Fail || op.Complete <= cut || op.Invoke > to {
			continue
		}
		if op.Outcome == history.OK && op.Complete <= to {
			b.must = append(b.must, i)
			continue
		}
		// More of a kind than there are operations to serve are never needed.
		kind := fmt.Sprint(m.Func, b.owner(i), m.Expect)
		if counts[kind]++; counts[kind] <= (len(v.Ops)+1)*r.permits {
			b.may = append(b.may, i)
		}
	}
	b.leaveOutIdle()
	if len(b.must) > 14 || len(b.may) > 16 {
		return "", false
	}
	return refute.ByOrders, !b.somehow()
}

// leaveOutIdle leaves out what got no answer and whose owner did nothing else: it can
// only leave the lock held for good, or free it as if it had been free at first.
func (b *brute) leaveOutIdle() {
	if !b.rules.owned {
		return
	}
	did := map[string]int{}
	for _, i := range append(slices.Clone(b.must), b.may...) {
		did[b.owner(i)]++
	}
	b.may = slices.DeleteFunc(b.may, func(i int) bool { return did[b.owner(i)] == 1 })
}

// brute tries orders.
type brute struct {
	h         *history.History
	rules     rules
	cut       history.Time // -1: from the beginning on
	must, may []int
	seen      map[string]bool
}

// holding says who holds how many permits.
type holding struct {
	who   string // "" if nobody or if it does not matter
	n     int
	token history.Value
	told  bool
}

func (b *brute) owner(i int) string {
	m := b.h.Mop(&b.h.Ops[i])
	if m.Flags&history.Owned != 0 {
		return fmt.Sprint("named ", m.Arg)
	}
	return fmt.Sprint("session ", b.h.Ops[i].Session)
}

// somehow tells whether there is a start and an order that the rules allow.
func (b *brute) somehow() bool {
	starts := []holding{{}}
	if b.cut < 0 {
		return b.try(0, starts[0])
	}
	if !b.rules.owned {
		for n := range b.rules.permits {
			starts = append(starts, holding{n: n + 1})
		}
	} else {
		for _, i := range append(slices.Clone(b.must), b.may...) {
			for n := 1; n == 1 || b.rules.reentrant && n <= len(b.must)+len(b.may); n++ {
				starts = append(starts, holding{who: b.owner(i), n: n})
			}
		}
		starts = append(starts, holding{who: "somebody else", n: 1})
	}
	// What had begun before may have taken effect before.
	var early []int
	for n, i := range b.must {
		if b.h.Ops[i].Invoke <= b.cut {
			early = append(early, n)
		}
	}
	for set := range 1 << len(early) {
		done := uint64(0)
		for n, e := range early {
			if set>>n&1 == 1 {
				done |= 1 << e
			}
		}
		for _, s := range starts {
			if b.try(done, s) {
				return true
			}
		}
	}
	return false
}

func (b *brute) try(done uint64, s holding) bool {
	if done&(1<<len(b.must)-1) == 1<<len(b.must)-1 {
		return true
	}
	key := fmt.Sprint(done, s)
	if b.seen[key] {
		return false
	}
	b.seen[key] = true
	for n, i := range append(slices.Clone(b.must), b.may...) {
		if done>>n&1 == 1 {
			continue
		}
		first := true
		for m, j := range b.must {
			first = first && (done>>m&1 == 1 || b.h.Ops[j].Complete >= b.h.Ops[i].Invoke)
		}
		if next, ok := b.take(i, s); first && ok && b.try(done|1<<n, next) {
			return true
		}
	}
	return false
}

// take returns the state after operation i in s; ok is false if it cannot be.
func (b *brute) take(i int, s holding) (holding, bool) {
	op := &b.h.Ops[i]
	m := b.h.Mop(op)
	n, who := max(1, int(m.Expect)), b.owner(i)
	switch {
	case m.Func == history.Release && !b.rules.owned:
		return holding{n: s.n - n}, s.n >= n
	case !b.rules.owned:
		return holding{n: s.n + n}, s.n+n <= b.rules.permits
	case m.Func == history.Release:
		if s.n == 0 || s.who != who {
			return s, false
		}
		if s.n--; s.n == 0 {
			s.who = ""
		}
		return s, true
	case s.n > 0 && !(b.rules.reentrant && s.who == who):
		return s, false
	}
	if op.Outcome == history.OK && m.Flags&history.Observed != 0 && b.rules.fenced {
		if s.told && m.Ret <= s.token {
			return s, false
		}
		s.token, s.told = m.Ret, true
	}
	s.who, s.n = who, s.n+1
	return s, true
}
