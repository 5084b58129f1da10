package staleness

import (
	"context"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// TestFurthestBehindIsKept: of more reads beyond the bound than get a witness those furthest behind are kept, that one first,
// wherever in the history and on whichever key they are.
func TestFurthestBehindIsKept(t *testing.T) {
	const ms = 1_000_000
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
	add := func(process int32, from history.Time, m history.Mop) {
		b.AddPlain(history.Op{Process: process, Session: process, Invoke: from, Complete: from + ms, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, m)
	}
	for key, behind := range []history.Time{20, 50, 10, 40, 30} {
		at, k := history.Time(key)*1000*ms, history.Key(key)
		add(1, at, history.Mop{Func: history.Write, Key: k, Arg: 1})
		add(1, at+10*ms, history.Mop{Func: history.Write, Key: k, Arg: 2})
		add(2, at+11*ms+behind*ms, history.Mop{Func: history.Read, Key: k, Ret: 1, Flags: history.Observed})
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Bound{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Check(context.Background(), h, checkers.Budget{MaxViolations: 2})
	if err != nil || v.Total != 5 || len(v.Violations) != 2 {
		t.Fatalf("%d violations, %d kept, want 5 and 2 (%v)", v.Total, len(v.Violations), err)
	}
	for i, want := range []string{h.KeyName(1), h.KeyName(3)} {
		if v.Violations[i].Key != want {
			t.Errorf("violation %d is on %s, want %s", i+1, v.Violations[i].Key, want)
		}
	}
}
