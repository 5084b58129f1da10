package queue

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// life gives the time at which an element was certainly in the queue at the latest, and out of
// it at the earliest.
type life struct {
	element *element
	// enqBegin, enqEnd, deqBegin and deqEnd bound its enqueue and dequeue; Never
	// for what was not seen to happen.
	enqBegin, enqEnd, deqBegin, deqEnd history.Time
}

// lives are the elements whose enqueue certainly took effect: it was
// acknowledged, or the element came out.
func (q *contents) lives() []life {
	var out []life
	for i := range q.all {
		e := &q.all[i]
		op := &q.h.Ops[e.enqueue]
		if op.Outcome != history.OK && len(e.dequeues) == 0 {
			continue
		}
		l := life{element: e, enqBegin: op.Invoke, enqEnd: op.Complete, deqBegin: history.Never, deqEnd: history.Never}
		if len(e.dequeues) > 0 {
			d := &q.h.Ops[e.dequeues[0]]
			// What came out had gone in before.
			l.deqBegin, l.deqEnd = max(d.Invoke, op.Invoke), d.Complete
			l.enqEnd = min(l.enqEnd, d.Complete)
		}
		out = append(out, l)
	}
	return out
}

// order finds two elements a and b: a was enqueued before b, and b was dequeued
// before a, or a never was though no dequeue without an answer can have taken it.
func (q *contents) order(t *tally.Tally) error {
	ls := q.lives()
	// An open dequeue that began before ... may have taken a: then a's dequeue
	// began when that did, at the earliest.
	maybe := history.Never
	for _, op := range q.open {
		maybe = min(maybe, q.h.Ops[op].Invoke)
	}
	// For a: the earliest possible begin of its dequeue.
	begin := func(l *life) history.Time {
		if l.deqBegin == history.Never {
			return maybe
		}
		return l.deqBegin
	}
	// Sweep b by the begin of its enqueue; among all a whose enqueue ended
	// before, the one whose dequeue began last decides.
	byEnd := make([]*life, len(ls))
	byBegin := make([]*life, len(ls))
	for i := range ls {
		byEnd[i], byBegin[i] = &ls[i], &ls[i]
	}
	slices.SortFunc(byEnd, func(x, y *life) int {
		return cmp.Or(cmp.Compare(x.enqEnd, y.enqEnd), cmp.Compare(x.element.enqueue, y.element.enqueue))
	})
	slices.SortFunc(byBegin, func(x, y *life) int {
		return cmp.Or(cmp.Compare(x.enqBegin, y.enqBegin), cmp.Compare(x.element.enqueue, y.element.enqueue))
	})
	var latest *life
	next := 0
	for _, b := range byBegin {
		if err := t.Tick(); err != nil {
			return err
		}
		for next < len(byEnd) && byEnd[next].enqEnd < b.enqBegin {
			if a := byEnd[next]; latest == nil || begin(a) > begin(latest) {
				latest = a
			}
			next++
		}
		if latest == nil || b.deqEnd == history.Never || b.deqEnd >= begin(latest) {
			continue
		}
		a := latest
		h := q.h
		ops := []int{a.element.enqueue, b.element.enqueue, b.element.dequeues[0]}
		how := "was never dequeued"
		if len(a.element.dequeues) > 0 {
			ops = append(ops, a.element.dequeues[0])
			how = "was dequeued only afterwards"
		}
		q.violate(t, "out of order", fmt.Sprintf("%s was enqueued to %s before %s, but %s was dequeued first and %s %s",
			h.ValueText(a.element.value), h.KeyName(q.key), h.ValueText(b.element.value), h.ValueText(b.element.value), h.ValueText(a.element.value), how), ops...)
	}
	return nil
}

// emptiness finds empty dequeues during the whole of which the queue held
// something: the times at which some element was certainly in it cover the
// dequeue without a gap.
func (q *contents) emptiness(t *tally.Tally) error {
	if len(q.empties) == 0 {
		return nil
	}
	ls := q.lives()
	maybe := history.Never
	for _, op := range q.open {
		maybe = min(maybe, q.h.Ops[op].Invoke)
	}
	// An element is certainly there from the end of its enqueue to the begin of
	// its dequeue.
	type span struct {
		from, to history.Time
		life     *life
	}
	var spans []span
	for i := range ls {
		l := &ls[i]
		s := span{l.enqEnd, l.deqBegin, l}
		if s.to == history.Never {
			s.to = maybe
		}
		if s.from < s.to {
			spans = append(spans, s)
		}
	}
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.life.element.enqueue, b.life.element.enqueue))
	})
	for _, op := range q.empties {
		if err := t.Tick(); err != nil {
			return err
		}
		o := &q.h.Ops[op]
		// Cover [Invoke, Complete] from the left. At the stamp where one span ends
		// and the next begins the queue could have been empty only if they do not
		// overlap: operations that touch are concurrent.
		var ops []int
		reach := o.Invoke
		covered := false
		for i := 0; !covered; {
			best := -1
			for ; i < len(spans) && spans[i].from < reach; i++ {
				if best < 0 || spans[i].to > spans[best].to {
					best = i
				}
			}
			if best < 0 || spans[best].to <= reach && len(ops) > 0 || spans[best].to <= o.Invoke {
				break
			}
			reach = spans[best].to
			ops = append(ops, spans[best].life.element.enqueue)
			if d := spans[best].life.element.dequeues; len(d) > 0 {
				ops = append(ops, d[0])
			}
			covered = reach > o.Complete
		}
		if covered {
			q.violate(t, "empty dequeue", fmt.Sprintf("session %d found %s empty, though at every moment of that dequeue an element was in it",
				o.Session, q.h.KeyName(q.key)), append([]int{op}, ops...)...)
		}
	}
	return nil
}
