package history

import (
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
)

// TestCut puts operations around the stamp of a cut and looks at what a process
// that is killed right after the flush leaves behind.
func TestCut(t *testing.T) {
	const cut = 100
	type step struct {
		client   int
		invoke   Time // 0: only completes
		complete Time // 0: stays open
		m        Mop  // with Ret for a read
		outcome  Outcome
	}
	w := func(v Value) Mop { return Mop{Func: Write, Key: 1, Arg: v} }
	r := func(v Value) Mop { return Mop{Func: Read, Key: 1, Ret: v} }
	for _, c := range []struct {
		name  string
		steps []step
		// want is what the file holds after the flush, then after the next one.
		want, next []string
	}{
		{
			"the write that an ended read saw is still open",
			[]step{{0, 10, 0, w(1), OK}, {1, 20, 30, r(1), OK}},
			[]string{"write 1 info", "read 1 ok"},
			[]string{"write 1 info", "read 1 ok"},
		},
		{
			"the write that an ended read saw ended after the cut",
			[]step{{0, 10, 150, w(1), OK}, {1, 20, 30, r(1), OK}},
			[]string{"write 1 info", "read 1 ok"},
			[]string{"write 1 ok", "read 1 ok"},
		},
		{
			"a read that ended after the cut is not believed yet",
			[]step{{0, 110, 120, w(1), OK}, {1, 20, 130, r(1), OK}},
			[]string{"read 0 info"},
			[]string{"read 1 ok", "write 1 ok"},
		},
		{
			"what ended at the cut itself ended after it",
			[]step{{0, 10, cut, w(1), OK}, {1, 20, cut - 1, w(2), OK}},
			[]string{"write 1 info", "write 2 ok"},
			[]string{"write 1 ok", "write 2 ok"},
		},
		{
			"what was invoked at the cut itself is not in it",
			[]step{{0, cut, 0, w(1), OK}, {1, cut - 1, 0, w(2), OK}},
			[]string{"write 2 info"},
			[]string{"write 2 info", "write 1 info"},
		},
		{
			"a failure that was told after the cut is no failure yet",
			[]step{{0, 10, 150, w(1), Fail}},
			[]string{"write 1 info"},
			[]string{"write 1 fail"},
		},
		{
			"an info that was told after the cut, and the next process",
			[]step{{0, 10, 150, w(1), Info}, {0, 160, 170, w(2), OK}, {0, 180, 0, w(3), OK}},
			[]string{"write 1 info"},
			[]string{"write 1 info", "write 2 ok", "write 3 info"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var now atomic.Int64
			rec, path := recording(t, withClock(func() Time { return Time(now.Load()) }))
			clients := []*Client{rec.Client(), rec.Client()}
			for _, s := range c.steps {
				txn := one(s.m)
				txn.Mops[0].Ret = 0
				now.Store(int64(s.invoke))
				must(t, clients[s.client].Invoke(0, -1, 0, 0, txn))
				if s.complete == 0 {
					continue
				}
				if s.m.Func == Read {
					txn.SetRead(0, s.m.Ret)
				}
				now.Store(int64(s.complete))
				must(t, clients[s.client].Complete(s.outcome, txn, -1, "", ""))
			}
			for i, want := range [][]string{c.want, c.next} {
				now.Store(int64(cut * (1 + 9*i)))
				must(t, rec.flush(false))
				h, err := ReadFile(path)
				must(t, err)
				var got []string
				for j := range h.Ops {
					m := h.Mop(&h.Ops[j])
					got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", m.Func, m.Arg+m.Ret, h.Ops[j].Outcome)))
				}
				if !h.Torn || !reflect.DeepEqual(got, want) {
					t.Errorf("flush %d: got %q (torn %v), want %q", i+1, got, h.Torn, want)
				}
			}
		})
	}
}
