// Package queue checks queues of unique elements. It has two models.
//
// "queue" is what any queue must keep, whatever its order: nothing comes out that
// was not put in, nothing comes out twice, and, where the queue was drained in
// the end, nothing that was acknowledged is missing. Exact for that definition.
// A queue counts as drained when a dequeue found it empty that began after every
// acknowledged enqueue had ended (a drain, which takes all that is there, is one operation
// of several dequeues of which the last found nothing), and no dequeue stayed without an answer (one that did may
// have taken the missing element).
//
// "fifo-queue" wants a linearizable first-in first-out queue. Its patterns are
// those that make a history of unique elements impossible (Henzinger, Sezgin and
// Vafeiadis, CONCUR 2013; Bouajjani, Emmi, Enea and Hamza, ICALP 2015): a dequeue
// before its enqueue, two dequeues of one element, two elements that came out in
// the other order than they were put in, and an empty dequeue that overlapped no
// moment at which the queue could have been empty. Sound, and complete where every
// enqueue was acknowledged and no dequeue stayed without an answer; otherwise an
// element that may or may not have been taken is given the benefit of the doubt. The
// dequeues of a drain are taken for ones at any time while it ran, in any order.
package queue

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// Checker implements checkers.Checker. Safe for concurrent use.
type Checker struct{ model string }

// New is a checker of Model.
func New() *Checker { return &Checker{Model} }

// NewFIFO is a checker of FIFO.
func NewFIFO() *Checker { return &Checker{FIFO} }

// Model implements checkers.Checker.
func (c *Checker) Model() checkers.Model { return checkers.Named(c.model, Models()) }

// Applies implements checkers.Checker.
func (c *Checker) Applies(h *history.History) error {
	if h.Ambiguous {
		return fmt.Errorf("an element was enqueued twice, so that dequeues do not tell which they took: elements must be unique")
	}
	return tally.Only(h, false, history.Enqueue, history.Dequeue)
}

// element is one element of one queue.
type element struct {
	value    history.Value
	enqueue  int
	dequeues []int
}

// taken is an element that an operation took.
type taken struct {
	op    int
	value history.Value
}

// contents are the elements of one queue.
type contents struct {
	h   *history.History
	key history.Key
	// all are the elements that somebody tried to enqueue and did not certainly
	// fail to, by value.
	all []element
	// empties are dequeues that found nothing, open those without an answer.
	empties, open []int
	strange       []taken // dequeues of what nobody enqueued
	aborted       []taken // dequeues of what was not enqueued, by the answer
}

func load(h *history.History, key history.Key, refs []history.MopRef) *contents {
	q := &contents{h: h, key: key}
	failed := map[history.Value]bool{}
	for _, r := range refs {
		m := h.At(r)
		if m.Func != history.Enqueue {
			continue
		}
		if h.Ops[r.Op].Outcome == history.Fail {
			failed[m.Arg] = true
			continue
		}
		q.all = append(q.all, element{value: m.Arg, enqueue: int(r.Op)})
	}
	slices.SortFunc(q.all, func(a, b element) int { return cmp.Compare(a.value, b.value) })
	for _, r := range refs {
		m := h.At(r)
		op := &h.Ops[r.Op]
		switch {
		case m.Func != history.Dequeue || op.Outcome == history.Fail:
		case op.Outcome == history.Info || m.Flags&history.Observed == 0:
			q.open = append(q.open, int(r.Op))
		case m.Ret == history.Absent:
			q.empties = append(q.empties, int(r.Op))
		default:
			i, ok := slices.BinarySearchFunc(q.all, m.Ret, func(e element, v history.Value) int { return cmp.Compare(e.value, v) })
			switch {
			case ok:
				q.all[i].dequeues = append(q.all[i].dequeues, int(r.Op))
			case failed[m.Ret]:
				q.aborted = append(q.aborted, taken{int(r.Op), m.Ret})
			default:
				q.strange = append(q.strange, taken{int(r.Op), m.Ret})
			}
		}
	}
	return q
}

// Check implements checkers.Checker.
func (c *Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	if err := c.Applies(h); err != nil {
		return checkers.Verdict{}, err
	}
	algorithm := "fate of each element"
	if c.model == FIFO {
		algorithm = "fate of each element, order of elements, empty dequeues"
	}
	t := tally.New(ctx, h, b, c.model, algorithm)
	undrained := false
	err := t.EachKey(func(key history.Key, refs []history.MopRef) error {
		if err := t.Tick(); err != nil {
			return err
		}
		q := load(h, key, refs)
		ev := t.Evidence()
		ev.Writes += len(q.all)
		for j := range q.all {
			ev.Reads += len(q.all[j].dequeues)
			ev.AtRisk += len(q.all[j].dequeues)
		}
		q.strangers(t)
		if c.model == FIFO {
			if err := q.order(t); err != nil {
				return err
			}
			return q.emptiness(t)
		}
		if !q.losses(t) {
			undrained = true
		}
		return nil
	})
	thin, left := "", "a queue was not provably drained in the end, so that a missing element is not proven lost"
	switch {
	case t.Evidence().AtRisk == 0:
		thin = "nothing was dequeued"
	case undrained:
		thin = left
	}
	v, err := t.Verdict(thin, err)
	if undrained && v.Status == checkers.Inconclusive && thin != left && !v.Unfinished {
		v.Reasons = append(v.Reasons, left)
	}
	return v, err
}

func (q *contents) violate(t *tally.Tally, anomaly, why string, ops ...int) {
	t.Violate(anomaly, func() checkers.Violation {
		step := checkers.Step{From: ops[0], To: -1, Kind: "fact", Why: why}
		if len(ops) > 1 {
			step.To = ops[1]
		}
		return checkers.Violation{
			Key: q.h.KeyName(q.key), Session: q.h.Ops[ops[0]].Session, Ops: ops, Sentence: why + ".", Steps: []checkers.Step{step},
		}
	})
}

// strangers finds what came out though it was not put in, too early or twice.
func (q *contents) strangers(t *tally.Tally) {
	h, name := q.h, q.h.KeyName(q.key)
	took := func(op int, v history.Value) string {
		return fmt.Sprintf("session %d dequeued %s from %s", h.Ops[op].Session, h.ValueText(v), name)
	}
	for _, x := range q.strange {
		q.violate(t, refute.UnexpectedElement, took(x.op, x.value)+", which nobody enqueued", x.op)
	}
	for _, x := range q.aborted {
		q.violate(t, refute.AbortedElement, took(x.op, x.value)+", though its enqueue failed", x.op)
	}
	for i := range q.all {
		e := &q.all[i]
		for _, d := range e.dequeues {
			if h.Ops[d].Complete < h.Ops[e.enqueue].Invoke {
				q.violate(t, "future element", took(d, e.value)+" before its enqueue was invoked", d, e.enqueue)
			}
		}
		if n := len(e.dequeues); n > 1 {
			others := "another one"
			if n > 2 {
				others = fmt.Sprintf("%d others", n-1)
			}
			q.violate(t, refute.DuplicateElement, took(e.dequeues[0], e.value)+", and so did "+others, e.dequeues[0], e.dequeues[1], e.enqueue)
		}
	}
}

// losses finds acknowledged elements that never came out, and tells whether it
// could: the queue was drained.
func (q *contents) losses(t *tally.Tally) bool {
	h := q.h
	last := history.Time(-1)
	for i := range q.all {
		e := &h.Ops[q.all[i].enqueue]
		if e.Outcome == history.OK {
			last = max(last, e.Complete)
		}
	}
	drain := -1
	for _, op := range q.empties {
		if h.Ops[op].Invoke > last {
			drain = op
		}
	}
	if drain < 0 || len(q.open) > 0 {
		return false
	}
	for i := range q.all {
		e := &q.all[i]
		if h.Ops[e.enqueue].Outcome == history.OK && len(e.dequeues) == 0 {
			q.violate(t, refute.LostElement, fmt.Sprintf("session %d enqueued %s to %s, which was acknowledged, but it never came out, and the queue was found empty in the end",
				h.Ops[e.enqueue].Session, h.ValueText(e.value), h.KeyName(q.key)), e.enqueue, drain)
		}
	}
	return true
}
