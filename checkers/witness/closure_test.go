package witness

import (
	"slices"
	"testing"

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
