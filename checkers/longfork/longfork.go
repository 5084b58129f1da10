// Package longfork looks for long forks (Sovran and others, SOSP 2011): two
// writes to different keys that two readers see in opposite orders. Parallel
// snapshot isolation allows them, snapshot isolation and prefix consistency do
// not. Every key is written at most once, so that a read of several keys is a
// set of writes that it saw, and reads of the same keys must be a chain under
// inclusion. Exact for that pattern: O(n log n) beside the reading of the keys.
package longfork

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// Anomaly is the name of what violates it.
const Anomaly = "long fork"

// New is a checker.
func New() checkers.Checker {
	return tally.Checker{
		Of: func() checkers.Model { return Models()[0] }, Algorithm: "reads of a group ordered by inclusion",
		Thin: "no read saw some of the keys of a group and not the others, together with another read of that group", Fits: fits, About: readsGroups, Judge: judge,
	}
}

// fits takes reads and writes, each key written at most once.
func fits(h *history.History) error {
	if err := tally.Only(h, false, history.Read, history.Write); err != nil {
		return err
	}
	all := writesOf(h)
	for i := 1; i < len(all); i++ {
		if all[i].key == all[i-1].key {
			return fmt.Errorf("operation %d writes key %s a second time; this model is about keys that are written once", all[i].op, h.KeyName(all[i].key))
		}
	}
	return nil
}

// readsGroups tells whether any operation reads several keys.
func readsGroups(h *history.History) bool {
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		for _, m := range mops {
			if m.Func == history.Read && m.Key != mops[0].Key {
				return true
			}
		}
	}
	return false
}

// keyWrite is a write of a key.
type keyWrite struct {
	key history.Key
	op  int
}

// writesOf are the writes of h by key.
func writesOf(h *history.History) []keyWrite {
	var out []keyWrite
	for i := range h.Ops {
		for _, m := range h.Mops(&h.Ops[i]) {
			if m.Func == history.Write {
				out = append(out, keyWrite{m.Key, i})
			}
		}
	}
	slices.SortFunc(out, func(a, b keyWrite) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.op, b.op)) })
	return out
}

// reading is a read of a group: the keys that it found written, ascending.
type reading struct {
	op   int
	saw  []history.Key
	keys []history.Key
}

func judge(t *tally.Tally, h *history.History) error {
	var reads []reading
	for i := range h.Ops {
		if err := t.Tick(); err != nil {
			return err
		}
		op := &h.Ops[i]
		var r reading
		for _, m := range h.Mops(op) {
			switch {
			case m.Func == history.Write:
				if op.Outcome == history.OK {
					t.Evidence().Writes++
				}
			case op.Outcome == history.OK && m.Flags&history.Observed != 0:
				r.keys = append(r.keys, m.Key)
				if m.Ret != history.Absent && m.Ret != h.Header.Initial {
					r.saw = append(r.saw, m.Key)
				}
			}
		}
		if len(r.keys) < 2 {
			continue
		}
		r.op = i
		slices.Sort(r.keys)
		r.keys = slices.Compact(r.keys)
		slices.Sort(r.saw)
		r.saw = slices.Compact(r.saw)
		reads = append(reads, r)
	}
	ev := t.Evidence()
	ev.Reads = len(reads)
	// Reads of the same keys together, the smaller first.
	slices.SortFunc(reads, func(a, b reading) int {
		return cmp.Or(slices.Compare(a.keys, b.keys), cmp.Compare(len(a.saw), len(b.saw)), cmp.Compare(a.op, b.op))
	})
	for i := range reads {
		if err := t.Tick(); err != nil {
			return err
		}
		r := &reads[i]
		if i == 0 || slices.Compare(reads[i-1].keys, r.keys) != 0 {
			ev.Keys++
			continue
		}
		p := &reads[i-1]
		// A read that saw some of the keys and not all can show a fork.
		if n := len(r.saw); n > 0 && n < len(r.keys) {
			ev.AtRisk++
			if t.DuringFaults(r.op) {
				ev.DuringFaults++
			}
		}
		mine, ok := missing(r.saw, p.saw)
		if ok {
			continue
		}
		theirs, _ := missing(p.saw, r.saw)
		fork(t, h, p.op, r.op, mine, theirs)
	}
	return nil
}

// missing is the first key of small that is not in big; ok says that there is
// none.
func missing(big, small []history.Key) (k history.Key, ok bool) {
	for _, k := range small {
		if _, found := slices.BinarySearch(big, k); !found {
			return k, false
		}
	}
	return 0, true
}

// fork reports that p saw the write of x and not of y, and r of y and not of x.
func fork(t *tally.Tally, h *history.History, p, r int, x, y history.Key) {
	t.Violate(Anomaly, func() checkers.Violation {
		v := checkers.Violation{Session: -1, Ops: []int{p, r}}
		for _, w := range writesOf(h) { // few forks are explained
			if w.key == x || w.key == y {
				v.Ops = append(v.Ops, w.op)
			}
		}
		one := fmt.Sprintf("session %d saw the write of %s and not that of %s", h.Ops[p].Session, h.KeyName(x), h.KeyName(y))
		two := fmt.Sprintf("session %d saw the write of %s and not that of %s", h.Ops[r].Session, h.KeyName(y), h.KeyName(x))
		v.Sentence = one + ", " + two + ": the two writes happened in opposite orders for them."
		v.Steps = []checkers.Step{{From: p, To: r, Kind: "rw", Why: one}, {From: r, To: p, Kind: "rw", Why: two}}
		return v
	})
}
