// Package list checks append-only lists of unique elements under single appends
// and reads: each key must be a linearizable list. Exact, O(n log n) beside the
// reading of the lists: every read must be a prefix of the longest, which tells
// the order of all operations up to ties, and real time must not contradict it.
// Histories of transactions over lists are for package txn.
package list

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/ranked"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// New is a checker.
func New() checkers.Checker {
	return tally.Checker{
		Of: func() checkers.Model { return Models()[0] }, Algorithm: "prefixes of the longest read, inversions of real time",
		Thin: "no read saw an element", Fits: fits,
		Judge: func(t *tally.Tally, h *history.History) error {
			return t.EachKey(func(key history.Key, refs []history.MopRef) error {
				return (&one{h: h, t: t, key: key, name: h.KeyName(key)}).check(refs)
			})
		},
	}
}

func fits(h *history.History) error {
	if h.Ambiguous {
		return errors.New("an element was appended twice, so that reads do not tell which append they saw: elements must be unique")
	}
	return tally.Only(h, true, history.Append, history.ReadList)
}

// place is an element's append.
type place struct {
	value history.Value
	op    int
	at    int // place in the longest read, -1 if it is not in it
}

// one is the list in one key.
type one struct {
	h       *history.History
	t       *tally.Tally
	key     history.Key
	name    string
	appends []place
	reads   []int
	longest []history.Value
	from    int // the operation that read it
}

func (l *one) find(v history.Value) *place {
	i, ok := slices.BinarySearchFunc(l.appends, v, func(p place, v history.Value) int { return cmp.Compare(p.value, v) })
	if !ok {
		return nil
	}
	return &l.appends[i]
}

func (l *one) list(op int) []history.Value { return l.h.List(l.h.Mop(&l.h.Ops[op])) }

func (l *one) check(refs []history.MopRef) error {
	h := l.h
	for _, r := range refs {
		m := h.At(r)
		op := &h.Ops[r.Op]
		switch {
		case m.Func == history.Append:
			l.appends = append(l.appends, place{m.Arg, int(r.Op), -1})
			if op.Outcome == history.OK {
				l.t.Evidence().Writes++
			}
		case op.Outcome == history.OK && m.Flags&history.Observed != 0:
			l.reads = append(l.reads, int(r.Op))
			l.t.Evidence().Reads++
			if list := h.List(m); len(list) > 0 {
				l.t.Evidence().AtRisk++
				if l.t.DuringFaults(int(r.Op)) {
					l.t.Evidence().DuringFaults++
				}
				if len(list) > len(l.longest) {
					l.longest, l.from = list, int(r.Op)
				}
			}
		}
	}
	slices.SortFunc(l.appends, func(a, b place) int { return cmp.Compare(a.value, b.value) })
	sound := true
	for i, v := range l.longest {
		if err := l.t.Tick(); err != nil {
			return err
		}
		sound = l.element(i, v) && sound
	}
	for _, r := range l.reads {
		list := l.list(r)
		for i, v := range list {
			if err := l.t.Tick(); err != nil {
				return err
			}
			if l.longest[i] != v {
				l.disagree(r, i)
				sound = false
				break
			}
		}
	}
	if sound {
		l.realtime()
	}
	return nil
}

// element looks at one element of the longest read.
func (l *one) element(i int, v history.Value) bool {
	h := l.h
	report := func(anomaly, what string, ops ...int) bool {
		l.t.Violate(anomaly, func() checkers.Violation {
			why := fmt.Sprintf("session %d read %s in %s, %s", h.Ops[l.from].Session, h.ValueText(v), l.name, what)
			return checkers.Violation{
				Key: l.name, Session: h.Ops[l.from].Session, Ops: append([]int{l.from}, ops...), Sentence: why + ".",
				Steps: []checkers.Step{{From: l.from, To: -1, Kind: "fact", Why: why}},
			}
		})
		return false
	}
	p := l.find(v)
	switch {
	case p == nil:
		return report(refute.UnexpectedElement, "which nobody appended")
	case h.Ops[p.op].Outcome == history.Fail:
		return report(refute.AbortedElement, "though its append failed", p.op)
	case p.at >= 0:
		return report(refute.DuplicateElement, "twice", p.op)
	}
	p.at = i
	return true
}

func (l *one) disagree(r, i int) {
	h := l.h
	l.t.Violate(refute.IncompatibleOrder, func() checkers.Violation {
		a, b := l.list(r)[i], l.longest[i]
		why := fmt.Sprintf("at place %d of %s session %d read %s, and session %d read %s", i, l.name, h.Ops[r].Session, h.ValueText(a), h.Ops[l.from].Session, h.ValueText(b))
		ops := []int{r, l.from}
		for _, v := range []history.Value{a, b} {
			if p := l.find(v); p != nil {
				ops = append(ops, p.op)
			}
		}
		return checkers.Violation{
			Key: l.name, Session: -1, Ops: ops, Sentence: why + ": neither read is a prefix of the other.",
			Steps: []checkers.Step{{From: r, To: l.from, Kind: "incompatible", Why: why}},
		}
	})
}

// realtime looks for contradictions between the order that the reads tell and
// that of real time.
func (l *one) realtime() {
	h := l.h
	var items []ranked.Item
	add := func(op, rank int) {
		items = append(items, ranked.Item{Op: op, Rank: rank, Invoke: h.Ops[op].Invoke, Return: h.Ops[op].Complete})
	}
	for _, p := range l.appends {
		switch {
		case p.at >= 0:
			add(p.op, 2*p.at+1)
		case h.Ops[p.op].Outcome == history.OK:
			add(p.op, 2*len(l.longest)+1)
		}
	}
	for _, r := range l.reads {
		add(r, 2*len(l.list(r)))
	}
	early, late, bad := ranked.Inversion(items)
	if !bad {
		return
	}
	anomaly := "stale read"
	if h.Mop(&h.Ops[late.Op]).Func == history.Append {
		anomaly = "appends out of order"
		if h.Mop(&h.Ops[early.Op]).Func == history.ReadList {
			anomaly = "future element"
		}
	}
	l.t.Violate(anomaly, func() checkers.Violation {
		why := fmt.Sprintf("%s completed before %s was invoked, but the reads put it after", l.did(early.Op), l.did(late.Op))
		ops := []int{early.Op, late.Op}
		// Only of two appends does a third operation tell the order.
		if len(l.longest) > 0 && h.Mop(&h.Ops[early.Op]).Func == history.Append && h.Mop(&h.Ops[late.Op]).Func == history.Append {
			ops = append(ops, l.from)
		}
		return checkers.Violation{
			Key: l.name, Session: h.Ops[late.Op].Session, Ops: ops, Sentence: why + ".",
			Steps: []checkers.Step{{From: early.Op, To: late.Op, Kind: "rt", Why: why}},
		}
	})
}

func (l *one) did(op int) string {
	m := l.h.Mop(&l.h.Ops[op])
	if m.Func == history.Append {
		return fmt.Sprintf("the append of %s to %s by session %d", l.h.ValueText(m.Arg), l.name, l.h.Ops[op].Session)
	}
	return fmt.Sprintf("the read of %d elements of %s by session %d", len(l.h.List(m)), l.name, l.h.Ops[op].Session)
}
