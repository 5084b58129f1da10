package set

import (
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/evidence"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// NewEventual is a checker of Eventual: sets whose replicas take changes by themselves and tell each other later (add-wins sets:
// Bieniusa et al., "An optimized conflict-free replicated set", 2012). Only final reads are judged (see evidence.FinalReads and Last). Each must have every
// element of which an add was acknowledged that no removal, and no clearing of the set, can have come after; and none without an add, nor one
// that was added once, when after that was over a removal of it was acknowledged. So a store that acknowledges the removal of an
// element of which it has not heard, and removes nothing, breaks it: it should say that the element is not there. Of an element that was added
// more than once a removal takes away what its replica had heard of, which may be any of the adds: it decides nothing. Exact for that definition.
func NewEventual() checkers.Checker {
	return tally.Checker{
		Of: func() checkers.Model { return checkers.Named(Eventual, Models()) }, Algorithm: "adds and removals against final reads",
		Thin: "no element was in question when a final read began",
		Fits: func(h *history.History) error {
			return tally.Only(h, true, history.Add, history.Remove, history.Clear, history.ReadSet)
		},
		Judge: func(t *tally.Tally, h *history.History) error {
			final, err := evidence.FinalReads(h)
			if err != nil {
				final = history.Never // a fault was not seen to heal, so that no read is final
			}
			return t.EachKey(func(key history.Key, refs []history.MopRef) error {
				f := finals{t: t, h: h, key: key, members: load(h, key, refs), final: final}
				return f.check()
			})
		},
	}
}

// finals judges the final reads of one set.
type finals struct {
	t       *tally.Tally
	h       *history.History
	key     history.Key
	members *members
	final   history.Time
}

func (f *finals) check() error {
	ev := f.t.Evidence()
	for i := range f.members.all {
		if f.h.Ops[f.members.all[i].add].Outcome == history.OK {
			ev.Writes++
		}
	}
	var after []history.MopRef
	for _, r := range f.members.reads {
		ev.Reads++
		if f.h.Ops[r.Op].Invoke > f.final {
			after = append(after, r)
		}
	}
	for _, r := range evidence.Last(f.h, after) {
		list := slices.Sorted(slices.Values(f.h.List(f.h.At(r))))
		for i := range f.members.all {
			if err := f.t.Tick(); err != nil {
				return err
			}
			f.element(&f.members.all[i], int(r.Op), list)
		}
		for _, v := range list {
			if f.members.find(v) == nil {
				f.violate(refute.UnexpectedElement, int(r.Op), v, "which nobody added")
			}
		}
	}
	return nil
}

// element judges one element of one final read.
func (f *finals) element(e *element, read int, list []history.Value) {
	_, in := slices.BinarySearch(list, e.value)
	stays := slices.IndexFunc(e.adds, func(a int) bool { return f.h.Ops[a].Outcome == history.OK && f.h.Ops[a].Invoke > e.gone })
	switch {
	case stays >= 0:
		f.t.Evidence().AtRisk++
		if !in {
			f.violate(refute.LostElement, read, e.value, "although its add was acknowledged and nobody removed it after", e.adds[stays])
		}
	case f.h.Ops[e.add].Outcome == history.Fail:
		if in {
			f.violate(refute.AbortedElement, read, e.value, "though its add failed", e.add)
		}
	default:
		removed := f.removed(e)
		if removed == nil {
			return // it may be there, or not
		}
		f.t.Evidence().AtRisk++
		if in {
			f.violate(refute.RemovedElement, read, e.value, "though its removal had been acknowledged", removed...)
		}
	}
}

// removed are the only add of an element and a removal that was acknowledged after it was over; nothing if it was added more than once, or may have been.
func (f *finals) removed(e *element) []int {
	only := -1
	for _, a := range e.adds {
		switch {
		case f.h.Ops[a].Outcome == history.Fail:
		case only >= 0:
			return nil
		default:
			only = a
		}
	}
	for _, r := range e.removes {
		if f.h.Ops[r].Outcome == history.OK && f.h.Ops[r].Invoke > f.h.Ops[only].Complete {
			return []int{only, r}
		}
	}
	return nil
}

func (f *finals) violate(anomaly string, read int, v history.Value, what string, others ...int) {
	f.t.Violate(anomaly, func() checkers.Violation {
		has := "had"
		if anomaly == refute.LostElement {
			has = "did not have"
		}
		why := fmt.Sprintf("after all faults were healed and the changes had stopped, %s as session %d read it %s %s, %s",
			f.h.KeyName(f.key), f.h.Ops[read].Session, has, f.h.ValueText(v), what)
		step := checkers.Step{From: read, To: -1, Kind: "fact", Why: why}
		if len(others) > 0 {
			step.From, step.To = others[len(others)-1], read
		}
		return checkers.Violation{Key: f.h.KeyName(f.key), Session: f.h.Ops[read].Session, Ops: append([]int{read}, others...), Sentence: why + ".", Steps: []checkers.Step{step}}
	})
}

// refutedInTheEnd: a read of the witness, with which nothing that changes the set and was answered is concurrent or later, has an
// element that it cannot have, or lacks one that it must have, by the operations on that element alone.
func refutedInTheEnd(p *refute.Proof) bool {
	refuted := false
	p.Mops(func(read *history.Op, m *history.Mop) {
		if m.Func != history.ReadSet || !refute.Observed(read, m) {
			return
		}
		list := p.H.List(m)
		inQuestion := slices.Clone(list)
		p.Mops(func(_ *history.Op, o *history.Mop) {
			if o.Func == history.Add {
				inQuestion = append(inQuestion, o.Arg)
			}
		})
		for _, v := range inQuestion {
			refuted = refuted || contradicted(p, m.Key, v, read, slices.Contains(list, v))
		}
	})
	return refuted
}

func contradicted(p *refute.Proof, key history.Key, v history.Value, read *history.Op, in bool) bool {
	var adds, removes, clears []*history.Op
	final := true
	p.Each(key, func(_ int, op *history.Op, m *history.Mop) bool {
		if m.Func == history.ReadSet {
			return false
		}
		final = final && (op.Outcome == history.Info || op.Complete < read.Invoke)
		switch {
		case m.Func == history.Clear:
			clears = append(clears, op)
		case m.Arg != v:
		case m.Func == history.Add:
			adds = append(adds, op)
		case m.Func == history.Remove:
			removes = append(removes, op)
		}
		return false
	})
	if !final {
		return false
	}
	if !in {
		return slices.ContainsFunc(adds, func(a *history.Op) bool {
			return a.Outcome == history.OK && !slices.ContainsFunc(slices.Concat(removes, clears), func(r *history.Op) bool { return r.Complete >= a.Invoke })
		})
	}
	return len(adds) == 0 || len(adds) == 1 && slices.ContainsFunc(removes, func(r *history.Op) bool {
		return r.Outcome == history.OK && r.Invoke > adds[0].Complete
	})
}
