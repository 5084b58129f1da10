package witness

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/checkers/lock"
	"github.com/lapse-test/lapse/history"
)

// TestClosed drops one operation of legal histories of locks and logs: what stays is legal
// as well, so that no violation is invented.
func TestClosed(t *testing.T) {
	type entry struct {
		session int32
		f       history.Func
		v       history.Value // sent, or polled, at the offset
		offset  int64
		outcome history.Outcome
	}
	const ok, fail, info = history.OK, history.Fail, history.Info
	for _, c := range []struct {
		name string
		ops  []entry
		drop int
		keep []int
	}{
		{"a release", []entry{{0, history.Acquire, 0, 0, ok}, {0, history.Release, 0, 0, ok}, {1, history.Acquire, 0, 0, ok}}, 1, []int{0}},
		{"an acquisition", []entry{{0, history.Acquire, 0, 0, ok}, {0, history.Release, 0, 0, ok}}, 0, nil},
		{"a release without an answer", []entry{{0, history.Acquire, 0, 0, ok}, {0, history.Release, 0, 0, info}, {1, history.Acquire, 0, 0, ok}}, 1, []int{0}},
		{"an acquisition that failed", []entry{{0, history.Acquire, 0, 0, ok}, {1, history.Acquire, 0, 0, fail}, {0, history.Release, 0, 0, ok}}, 1, []int{0, 2}},
		{"a send", []entry{{0, history.Send, 5, 0, ok}, {0, history.Send, 6, 1, ok}, {1, history.Poll, 5, 0, ok}}, 0, []int{1}},
		{"a poll", []entry{{0, history.Send, 5, 0, ok}, {1, history.Poll, 5, 0, ok}, {0, history.Send, 6, 1, ok}, {1, history.Poll, 6, 1, ok}}, 1, []int{2, 3}},
		{"an assignment", []entry{{0, history.Send, 5, 0, ok}, {2, history.Poll, 5, 0, ok}, {2, history.Assign, 1, 0, ok}, {2, history.Poll, 5, 0, ok}}, 2, nil},
		{"the first poll from the beginning", []entry{{2, history.Assign, history.FromBeginning, 0, ok}, {2, history.Poll, 5, 0, ok}, {2, history.Poll, 6, 1, ok}, {3, history.Poll, 6, 1, ok}}, 1, []int{0, 3}},
		{"a poll that failed before it", []entry{{0, history.Send, 5, 0, ok}, {0, history.Send, 6, 1, ok}, {2, history.Assign, history.FromBeginning, 0, ok}, {2, history.Poll, 5, 0, fail}, {2, history.Poll, 6, 1, ok}}, 3, []int{2}},
		{"an assignment of another", []entry{{0, history.Send, 5, 0, ok}, {2, history.Poll, 5, 0, ok}, {1, history.Assign, 1, 0, ok}}, 2, []int{0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
			k := b.Key("k")
			for i, e := range c.ops {
				op := history.Op{Session: e.session, Process: e.session, Invoke: history.Time(10 * i), Complete: history.Time(10*i + 5), Outcome: e.outcome, Error: -1, Note: -1, Node: -1}
				if e.outcome == info {
					op.Complete = history.Never
				}
				var x history.Txn
				x.Mops = append(x.Mops, history.Mop{Func: e.f, Key: k})
				switch e.f {
				case history.Poll:
					x.SetList(0, []history.Value{history.Value(e.offset), e.v})
				case history.Send:
					x.Mops[0].Arg = e.v
					x.SetVersion(0, e.offset)
				case history.Assign:
					x.Mops[0].Arg = e.v
				}
				b.Add(op, &x)
			}
			h, err := b.History()
			if err != nil {
				t.Fatal(err)
			}
			if keep, whole := without(h, linksOf(h), c.drop); !whole || !slices.Equal(keep, c.keep) {
				t.Errorf("without %d: %v, want %v", c.drop, keep, c.keep)
			}
		})
	}
}

// TestShrunkLocks: what is left of a lock shows a violation that the whole history proves,
// though a lock that is free at first is not what was held in the middle.
func TestShrunkLocks(t *testing.T) {
	shrunk, largest := 0, 0
	for seed := range seeds.Choose(t, 150).All() {
		h, err := randomLocks(seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range lock.Models() {
			c := m.New()
			if c.Applies(h) != nil {
				continue
			}
			part, ops, _, err := Shrink(context.Background(), h, c, checkers.Budget{}, nil)
			if errors.Is(err, ErrHolds) {
				continue
			}
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, m.Name, err)
			}
			v, err := c.Check(context.Background(), part, checkers.Budget{})
			if err != nil || len(v.Violations) == 0 {
				t.Fatalf("seed %d: %s: %v is %s (%v)", seed, m.Name, ops, v.Status, err)
			}
			x := v.Violations[0]
			for i, o := range x.Ops {
				x.Ops[i] = ops[o]
			}
			if by, err := Verify(context.Background(), h, c.Model(), &x); err != nil || by == "" {
				t.Errorf("seed %d: %s: %v is left, of which %v is no violation of the whole (%q, %v): %s", seed, m.Name, ops, x.Ops, by, err, x.Sentence)
			}
			shrunk++
			largest = max(largest, len(ops))
		}
	}
	t.Logf("%d histories, the largest of %d operations", shrunk, largest)
	if shrunk == 0 {
		t.Error("nothing to shrink")
	}
}
