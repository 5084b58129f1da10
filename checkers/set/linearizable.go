package set

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/ranked"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// NewLinearizable is a checker of Linearizable.
func NewLinearizable() checkers.Checker {
	return tally.Checker{
		Of: func() checkers.Model { return checkers.Named(Linearizable, Models()) }, Algorithm: "order of reads by inclusion, inversions of real time",
		Thin: "no read saw an element", Fits: fitsLinearizable,
		Judge: func(t *tally.Tally, h *history.History) error {
			return t.EachKey(func(key history.Key, refs []history.MopRef) error {
				s := load(h, key, refs)
				t.Evidence().Reads += len(s.reads)
				return s.linearize(t)
			})
		},
	}
}

// fitsLinearizable refuses removals, so that nothing is said to hold that was not judged.
func fitsLinearizable(h *history.History) error {
	if h.Ambiguous {
		return fmt.Errorf("an element was added to one set twice, so that reads do not tell which add they saw: check %s, which allows that", Model)
	}
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		for j := range mops {
			if mops[j].Func == history.Remove {
				return fmt.Errorf("operation %d removes an element, and %s does not judge removals: check %s, which does", i, Linearizable, Model)
			}
		}
	}
	return tally.Only(h, true, history.Add, history.ReadSet)
}

// linearize decides one set.
func (s *members) linearize(t *tally.Tally) error {
	h := s.h
	total := t.Total()
	if s.unexpected(t); t.Total() > total {
		return nil
	}
	reads := slices.Clone(s.reads)
	size := func(r history.MopRef) int { return len(h.List(h.At(r))) }
	slices.SortStableFunc(reads, func(a, b history.MopRef) int { return cmp.Compare(size(a), size(b)) })
	// rank[i] is the rank of the first read with element i: odd for elements,
	// even for reads, in the order of the chain.
	rank := make([]int, len(s.all))
	level := 0
	var items []ranked.Item
	have := 0 // elements seen so far
	for n, r := range reads {
		list := h.List(h.At(r))
		if len(list) > 0 {
			t.Evidence().AtRisk++
		}
		fresh, old := 0, 0
		if n == 0 || size(reads[n-1]) < len(list) {
			level += 2
		}
		for _, v := range list {
			if err := t.Tick(); err != nil {
				return err
			}
			i := s.indexOf(v)
			if rank[i] == 0 {
				rank[i] = level - 1
				fresh++
			} else {
				old++
			}
		}
		if old != have {
			s.incomparable(t, reads[:n], r)
			return nil
		}
		have += fresh
		items = append(items, ranked.Item{Op: int(r.Op), Rank: level, Invoke: h.Ops[r.Op].Invoke, Return: h.Ops[r.Op].Complete})
	}
	for i := range s.all {
		op := &h.Ops[s.all[i].add]
		it := ranked.Item{Op: s.all[i].add, Rank: rank[i], Invoke: op.Invoke, Return: op.Complete}
		if it.Rank == 0 {
			if op.Outcome != history.OK {
				continue // never seen: it need not have happened
			}
			it.Rank = level + 1
		}
		items = append(items, it)
	}
	early, late, bad := ranked.Inversion(items)
	if !bad {
		return nil
	}
	s.inverted(t, early, late, reads)
	return nil
}

func (s *members) indexOf(v history.Value) int {
	i, _ := slices.BinarySearchFunc(s.all, v, func(e element, v history.Value) int { return cmp.Compare(e.value, v) })
	return i
}

// incomparable reports that r does not contain some smaller read.
func (s *members) incomparable(t *tally.Tally, smaller []history.MopRef, r history.MopRef) {
	h := s.h
	in := map[history.Value]bool{}
	for _, v := range h.List(h.At(r)) {
		in[v] = true
	}
	for i := len(smaller) - 1; i >= 0; i-- {
		for _, v := range h.List(h.At(smaller[i])) {
			if in[v] {
				continue
			}
			other := smaller[i]
			var theirs history.Value
			have := map[history.Value]bool{}
			for _, w := range h.List(h.At(other)) {
				have[w] = true
			}
			for _, w := range h.List(h.At(r)) {
				if !have[w] {
					theirs = w
				}
			}
			t.Violate(refute.IncomparableReads, func() checkers.Violation {
				why := fmt.Sprintf("session %d saw %s in %s but not %s, session %d saw %s but not %s",
					h.Ops[other.Op].Session, h.ValueText(v), h.KeyName(s.key), h.ValueText(theirs), h.Ops[r.Op].Session, h.ValueText(theirs), h.ValueText(v))
				return checkers.Violation{
					Key: h.KeyName(s.key), Session: -1,
					Ops:      []int{int(other.Op), int(r.Op), s.find(v).add, s.find(theirs).add},
					Sentence: why + ": in no order of the adds both are right.",
					Steps:    []checkers.Step{{From: int(other.Op), To: int(r.Op), Kind: "incomparable", Why: why}},
				}
			})
			return
		}
	}
}

// inverted reports that early is after late by what was read, though it
// returned before late was invoked.
func (s *members) inverted(t *tally.Tally, early, late ranked.Item, reads []history.MopRef) {
	h := s.h
	t.Violate("stale read", func() checkers.Violation {
		v := checkers.Violation{Key: h.KeyName(s.key), Session: h.Ops[late.Op].Session, Ops: []int{early.Op, late.Op}}
		// A read between the two in the order of the data shows it.
		for _, r := range reads {
			in := map[history.Value]bool{}
			for _, x := range h.List(h.At(r)) {
				in[x] = true
			}
			has := func(op int) bool {
				m := h.Mop(&h.Ops[op])
				if m.Func == history.Add {
					return in[m.Arg]
				}
				return len(h.List(m)) <= len(in)
			}
			if has(late.Op) && !has(early.Op) || int(r.Op) == late.Op || int(r.Op) == early.Op {
				v.Ops = append(v.Ops, int(r.Op))
				break
			}
		}
		why := fmt.Sprintf("%s completed before %s was invoked, but what was read puts it after", s.did(early.Op), s.did(late.Op))
		v.Sentence = why + "."
		v.Steps = []checkers.Step{{From: early.Op, To: late.Op, Kind: "rt", Why: why}}
		return v
	})
}

func (s *members) did(op int) string {
	m := s.h.Mop(&s.h.Ops[op])
	if m.Func == history.Add {
		return fmt.Sprintf("the add of %s to %s by session %d", s.h.ValueText(m.Arg), s.h.KeyName(s.key), s.h.Ops[op].Session)
	}
	return fmt.Sprintf("the read of %d elements of %s by session %d", len(s.h.List(m)), s.h.KeyName(s.key), s.h.Ops[op].Session)
}
