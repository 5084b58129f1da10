// Package set checks sets: elements are added, perhaps removed and added again, and
// whole sets are read. It has two models.
//
// "set" is what any store should keep however weak it is: an element that is
// known to be in the set (its add was acknowledged, or some read saw it that this explains, and no removal
// can have come after that) is not gone for good; nothing is in the set that was never
// added, all of whose adds failed or had not begun, or were followed by a removal that
// was acknowledged before the read began. An element is lost when it is missing from a
// read that began after it was known, and from every later one. Stale reads (missing, but later there) are not
// violations of it; Outcomes counts them, with the times from knowing to stable
// and to lost, as Jepsen's set-full does. Exact for that definition.
//
// "set-linearizable" wants each operation to take effect at one moment. Without
// removals, and with every element added once, that is decided exactly in O(n log n)
// beside the reading of the sets: the reads must be a chain under inclusion, which tells the order of all
// operations, and real time must not contradict it.
package set

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// Checker implements checkers.Checker for Model. Safe for concurrent use.
type Checker struct{}

// New is a checker of Model.
func New() *Checker { return &Checker{} }

// Model implements checkers.Checker.
func (*Checker) Model() checkers.Model { return checkers.Named(Model, Models()) }

// Applies implements checkers.Checker.
func (*Checker) Applies(h *history.History) error {
	return tally.Only(h, true, history.Add, history.Remove, history.ReadSet)
}

// element is one element of one set.
type element struct {
	value history.Value
	// add is the first of adds, by invocation, among those that did not fail if there
	// is one. removes are the removals that did not fail.
	add           int
	adds, removes []int
	// gone is the time at which the last of the removals, and of the clearings of the set, was over: nothing that is known of the
	// element before counts.
	gone history.Time
	// known is the time from which it was certain that the element is in the set: Never if it
	// never was; knownBy is the operation that made it so.
	known   history.Time
	knownBy int
	// lastIn and lastOut are the reads with and without it that began last, out
	// counted only from when it was known; -1 if there is none.
	lastIn, lastOut int
	firstIn         int
	firstInEnds     history.Time
	seen            int // place of the last read that had it, for duplicates
}

// members are the elements of one key, by value.
type members struct {
	h   *history.History
	key history.Key
	all []element
	// reads are the ok reads in the order of invocation.
	reads []history.MopRef
}

func load(h *history.History, key history.Key, refs []history.MopRef) *members {
	s := &members{h: h, key: key}
	type change struct {
		value history.Value
		op    int
	}
	var adds []change
	for _, r := range refs {
		m := h.At(r)
		op := &h.Ops[r.Op]
		switch m.Func {
		case history.Add:
			adds = append(adds, change{m.Arg, int(r.Op)})
		case history.ReadSet:
			if op.Outcome == history.OK && m.Flags&history.Observed != 0 {
				s.reads = append(s.reads, r)
			}
		}
	}
	slices.SortStableFunc(adds, func(a, b change) int { return cmp.Compare(a.value, b.value) })
	ops := make([]int, len(adds))
	for i, a := range adds {
		ops[i] = a.op
		if n := len(s.all); n == 0 || s.all[n-1].value != a.value {
			s.all = append(s.all, element{value: a.value, add: a.op, gone: -1, known: history.Never, lastIn: -1, lastOut: -1, firstIn: -1, seen: -1})
		}
		e := &s.all[len(s.all)-1]
		e.adds = ops[i-len(e.adds) : i+1 : i+1]
		if h.Ops[e.add].Outcome == history.Fail {
			e.add = a.op
		}
	}
	cleared := history.Time(-1) // when the last clearing was over
	for _, r := range refs {
		if h.At(r).Func == history.Clear && h.Ops[r.Op].Outcome != history.Fail {
			cleared = max(cleared, h.Ops[r.Op].Complete)
		}
	}
	for _, r := range refs {
		if m := h.At(r); m.Func == history.Remove && h.Ops[r.Op].Outcome != history.Fail {
			if e := s.find(m.Arg); e != nil {
				e.removes = append(e.removes, int(r.Op))
				e.gone = max(e.gone, h.Ops[r.Op].Complete)
			}
		}
	}
	for i := range s.all {
		e := &s.all[i]
		e.gone = max(e.gone, cleared)
		for _, a := range e.adds {
			if h.Ops[a].Outcome == history.OK {
				s.know(e, a)
			}
		}
	}
	return s
}

// know says that e was in the set while the operation op ran. It counts if every
// removal was over before.
func (s *members) know(e *element, op int) {
	if o := &s.h.Ops[op]; o.Invoke > e.gone && o.Complete < e.known {
		e.known, e.knownBy = o.Complete, op
	}
}

// find is the element with value v, nil if nobody ever added it.
func (s *members) find(v history.Value) *element {
	i, ok := slices.BinarySearchFunc(s.all, v, func(e element, v history.Value) int { return cmp.Compare(e.value, v) })
	if !ok {
		return nil
	}
	return &s.all[i]
}

// follow goes through the reads and fills in when each element was seen.
func (s *members) follow(t *tally.Tally) error {
	for _, r := range s.reads {
		op := &s.h.Ops[r.Op]
		for _, v := range s.h.List(s.h.At(r)) {
			if err := t.Tick(); err != nil {
				return err
			}
			e := s.find(v)
			if e == nil {
				continue
			}
			if e.firstIn < 0 || op.Complete < e.firstInEnds {
				e.firstIn, e.firstInEnds = int(r.Op), op.Complete
			}
			if h := s.h; h.Ops[e.add].Outcome != history.Fail {
				// A read that nothing explains is a violation of its own, and tells nothing about what must be there after.
				if anomaly, _, _ := s.excuse(e, op); anomaly == "" {
					s.know(e, int(r.Op))
				}
			}
			e.lastIn = int(r.Op)
		}
	}
	// Now that it is known when elements were known: who misses them.
	for n, r := range s.reads {
		op := &s.h.Ops[r.Op]
		for _, v := range s.h.List(s.h.At(r)) {
			if e := s.find(v); e != nil {
				e.seen = n
			}
		}
		for i := range s.all {
			if err := t.Tick(); err != nil {
				return err
			}
			if e := &s.all[i]; e.seen != n && e.known < op.Invoke {
				e.lastOut = int(r.Op)
			}
		}
	}
	return nil
}

// lost tells whether e was known, then missing, and never seen after.
func (s *members) lost(e *element) bool {
	return e.known != history.Never && e.lastOut >= 0 &&
		(e.lastIn < 0 || s.h.Ops[e.lastIn].Invoke < s.h.Ops[e.lastOut].Invoke)
}

// Check implements checkers.Checker.
func (c *Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	if err := c.Applies(h); err != nil {
		return checkers.Verdict{}, err
	}
	t := tally.New(ctx, h, b, Model, "first and last read of each element")
	err := t.EachKey(func(key history.Key, refs []history.MopRef) error {
		s := load(h, key, refs)
		if err := s.follow(t); err != nil {
			return err
		}
		s.unexpected(t)
		s.losses(t)
		t.Evidence().Reads += len(s.reads)
		return nil
	})
	thin := ""
	if t.Evidence().AtRisk == 0 {
		thin = "no read began after an element was known to be in the set"
	}
	return t.Verdict(thin, err)
}

func (s *members) losses(t *tally.Tally) {
	ev := t.Evidence()
	for i := range s.all {
		e := &s.all[i]
		if s.h.Ops[e.add].Outcome == history.OK {
			ev.Writes++
		}
		if e.known == history.Never || e.lastOut < 0 && (e.lastIn < 0 || s.h.Ops[e.lastIn].Invoke <= e.known) {
			continue
		}
		ev.AtRisk++
		if t.DuringFaults(e.add) {
			ev.DuringFaults++
		}
		if !s.lost(e) {
			continue
		}
		t.Violate(refute.LostElement, func() checkers.Violation {
			why := fmt.Sprintf("%s was known to be in %s, but a read invoked %slater missed it, and no later read saw it",
				s.h.ValueText(e.value), s.h.KeyName(s.key), explain.Gap(s.h, s.h.Ops[e.lastOut].Invoke-e.known))
			return checkers.Violation{
				Key: s.h.KeyName(s.key), Session: s.h.Ops[e.add].Session, Ops: []int{e.add, e.knownBy, e.lastOut}, Sentence: why + ".",
				Steps: []checkers.Step{{From: e.knownBy, To: e.lastOut, Kind: "rt", Why: why}},
			}
		})
	}
}

// unexpected finds elements that must not be in a read.
func (s *members) unexpected(t *tally.Tally) {
	h := s.h
	for n, r := range s.reads {
		op := &h.Ops[r.Op]
		list := h.List(h.At(r))
		for _, v := range list {
			e := s.find(v)
			report := func(anomaly, what string, others ...int) {
				t.Violate(anomaly, func() checkers.Violation {
					why := fmt.Sprintf("session %d read %s in %s, %s", op.Session, h.ValueText(v), h.KeyName(s.key), what)
					steps := []checkers.Step{{From: int(r.Op), To: -1, Kind: "fact", Why: why}}
					if len(others) > 0 {
						steps[0].To = others[0]
					}
					return checkers.Violation{Key: h.KeyName(s.key), Session: op.Session, Ops: append([]int{int(r.Op)}, others...), Sentence: why + ".", Steps: steps}
				})
			}
			switch {
			case e == nil:
				report(refute.UnexpectedElement, "which nobody added")
				continue
			case h.Ops[e.add].Outcome == history.Fail:
				report(refute.AbortedElement, "though its add failed", e.add)
			default:
				if anomaly, what, others := s.excuse(e, op); anomaly != "" {
					report(anomaly, what, others...)
				}
			}
			// Places count down from the last pass: -2 and below are of this one.
			if e.seen == -2-n {
				report(refute.DuplicateElement, fmt.Sprintf("twice in one read of %d elements", len(list)))
			}
			e.seen = -2 - n
		}
	}
}

// excuse looks for an add of e that explains why the read op saw it: one that had begun
// before it ended and was not followed by a removal that was over before it began. The
// anomaly is empty if there is one.
func (s *members) excuse(e *element, op *history.Op) (anomaly, what string, others []int) {
	removed := -1
	for _, i := range e.adds {
		a := &s.h.Ops[i]
		if a.Outcome == history.Fail || a.Invoke > op.Complete {
			continue
		}
		by := -1
		for _, x := range e.removes {
			if r := &s.h.Ops[x]; r.Outcome == history.OK && r.Invoke > a.Complete && r.Complete < op.Invoke {
				by = x
			}
		}
		if by < 0 {
			return "", "", nil
		}
		removed = by
		others = append(others, i)
	}
	for _, i := range e.adds {
		if a := &s.h.Ops[i]; a.Outcome == history.Fail && a.Invoke <= op.Complete {
			// It is the likelier story.
			return refute.AbortedElement, "though no add but one that failed explains it", append(others, i)
		}
	}
	if removed < 0 {
		return "future element", "before its add was invoked", []int{e.add}
	}
	what = "though its removal had been acknowledged"
	if len(others) > 1 {
		what += " after every add of it"
	}
	// The last add alone shows it: the removal came after all the others too.
	return refute.RemovedElement, what, []int{others[len(others)-1], removed}
}
