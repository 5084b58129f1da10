package counter

import (
	"github.com/lapse-test/lapse/history"
)

// pending are the increments of a counter that a read may or may not have seen: those that
// are under way, and those that were never answered. Their signs do not matter: what a
// read is above the least that it can be is a sum of amounts of those that were not
// acknowledged before it, whichever sign they have. Not safe for concurrent use.
type pending struct {
	// step divides all increments, and what lies between two possible reads; alike tells
	// that they are all as large.
	step  history.Value
	alike bool
	// never are those begun that are not answered, open those begun that will be; acked are
	// those that were, in this order. Amounts are divided by step.
	never sums
	reach history.Value // all sums up to it can be made of never
	open  []entry
	place []int32 // in open, by the operation's place among those of the key
	acked []history.Value
	// few are those of open and acked that the last read was judged by.
	few    sums
	halves halves
	// slow tells that the last read took more than a look.
	slow bool
}

type entry struct {
	ref    int32
	amount history.Value
}

// newPending is for the increments among refs, which are all of a key; fits is false if they
// add up to more than can be added.
func newPending(h *history.History, refs []history.MopRef) (p *pending, fits bool) {
	p = &pending{alike: true}
	total, first := history.Value(0), history.Value(0)
	for _, r := range refs {
		m := h.At(r)
		if m.Func != history.Increment || h.Ops[r.Op].Outcome == history.Fail || m.Arg == 0 {
			continue
		}
		n := amount(m.Arg)
		if n < 0 || n > mostTotal-total {
			return nil, false
		}
		total += n
		if first == 0 {
			first = n
		}
		p.alike = p.alike && n == first
		p.step = divisor(p.step, n)
	}
	if !p.alike {
		p.place = make([]int32, len(refs))
	}
	return p, true
}

// amount is how much v is without its sign; negative if that does not fit.
func amount(v history.Value) history.Value { return max(v, -v) }

// divisor is the greatest common divisor.
func divisor(a, b history.Value) history.Value {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// begin says that an increment was invoked; answered tells whether it will be acknowledged.
func (p *pending) begin(ref int32, by history.Value, answered bool) {
	switch {
	case p.alike || by == 0:
	case answered:
		p.place[ref] = int32(len(p.open))
		p.open = append(p.open, entry{ref, amount(by) / p.step})
	default:
		p.never.add(amount(by) / p.step)
		p.reach = extend(0, 0, &p.never.sizes)
	}
}

// acknowledge says that an increment that was begun is acknowledged.
func (p *pending) acknowledge(ref int32, by history.Value) {
	if p.alike || by == 0 {
		return
	}
	at, last := p.place[ref], p.open[len(p.open)-1]
	p.acked = append(p.acked, p.open[at].amount)
	p.open[at] = last
	p.place[last.ref] = at
	p.open = p.open[:len(p.open)-1]
}

// allows tells whether a read that ends now can be extra above the least that it can be, most
// if it saw the most; acked is how many increments had been acknowledged when it began.
func (p *pending) allows(extra, most history.Value, acked int) answer {
	p.slow = false
	switch {
	case extra == 0 || extra == most:
		return possible
	case extra%p.step != 0:
		p.gather(acked)
		return impossible
	case p.alike || min(extra, most-extra)/p.step <= p.reach:
		return possible
	}
	p.gather(acked)
	extra /= p.step
	if p.sums().run(extra) {
		return possible
	}
	p.slow = true
	if len(p.never.amounts)+len(p.few.amounts) <= mostHalved {
		if p.halves.make(extra, p.never.amounts, p.few.amounts) {
			return possible
		}
		return impossible
	}
	return p.sums().makes(extra)
}

// gather fills few.
func (p *pending) gather(acked int) {
	p.few.reset()
	for _, e := range p.open {
		p.few.add(e.amount)
	}
	for _, n := range p.acked[min(acked, len(p.acked)):] {
		p.few.add(n)
	}
}

func (p *pending) sums() among { return among{&p.never, &p.few} }

// nearest are the possible reads next to extra, which allows has found impossible; exact is false if
// there may be nearer ones.
func (p *pending) nearest(extra, most history.Value) (below, above history.Value, exact bool) {
	x := extra / p.step
	if p.alike {
		return x * p.step, (x + 1) * p.step, true
	}
	y := most/p.step - x
	if extra%p.step != 0 {
		y-- // what is above is at least a step further
	}
	a, exactly := p.sums().below(x)
	b, exact := p.sums().below(y)
	return a * p.step, most - b*p.step, exactly && exact
}
