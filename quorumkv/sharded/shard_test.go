package sharded

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/record"
)

func ops(kinds ...engine.OpKind) []engine.Op {
	var out []engine.Op
	for _, k := range kinds {
		out = append(out, engine.Op{Kind: k, Key: "k", Value: []byte("1")})
	}
	return out
}

// What one transaction has locked, another may do or not.
func TestLocks(t *testing.T) {
	for _, tc := range []struct {
		first, second []engine.Op
		free          bool // no locks on reads
		want          status
	}{
		{ops(engine.OpRead), ops(engine.OpRead), false, done},
		{ops(engine.OpRead), ops(engine.OpWrite), false, conflict},
		{ops(engine.OpWrite), ops(engine.OpRead), false, conflict},
		{ops(engine.OpWrite), ops(engine.OpWrite), false, conflict},
		{ops(engine.OpRead, engine.OpWrite), ops(engine.OpRead), false, conflict},
		{ops(engine.OpRead), ops(engine.OpRead, engine.OpWrite), false, conflict},
		{ops(engine.OpRead), ops(engine.OpWrite), true, done},
		{ops(engine.OpWrite), ops(engine.OpRead), true, done},
		{ops(engine.OpWrite), ops(engine.OpWrite), true, conflict},
	} {
		for _, v := range []verb{execute, prepare} {
			m := newMemory()
			second := call{Verb: v, Txn: "t2", Ops: tc.second, Limit: 9, Free: tc.free}
			if a := m.do(call{Verb: prepare, Txn: "t1", Ops: tc.first, Limit: 9, Free: tc.free}); a.Status != done {
				t.Fatalf("the first: %+v", a)
			}
			if a := m.do(second); a.Status != tc.want {
				t.Errorf("%v, then %s of %v (free: %t): %s, want %s", tc.first, v, tc.second, tc.free, a.Status, tc.want)
			}
			if tc.want == done {
				continue
			}
			m.do(call{Verb: finish, Txn: "t1"})
			if a := m.do(second); a.Status != done {
				t.Errorf("after the first has finished: %+v", a)
			}
		}
	}
}

// The first decision stands, and a commit that may come after a forgotten one is none.
func TestDecisions(t *testing.T) {
	for _, tc := range []struct {
		name  string
		calls []call
		want  bool
	}{
		{"a commit", []call{{Commit: true}}, true},
		{"an abort, then a commit", []call{{}, {Commit: true}}, false},
		{"a commit, then an abort", []call{{Commit: true}, {}}, true},
	} {
		m := newMemory()
		var a answer
		for _, c := range tc.calls {
			c.Verb, c.Txn = decide, "t"
			a = m.do(c)
		}
		if a.Commit != tc.want {
			t.Errorf("%s: commit is %t", tc.name, a.Commit)
		}
	}
	for late, want := range map[uint64]bool{window: true, window + 1: false} {
		m := newMemory()
		m.index = 9 + late
		if a := m.do(call{Verb: decide, Txn: "t", Commit: true, Begun: 10}); a.Commit != want {
			t.Errorf("a commit %d entries after its begin: %t", late, a.Commit)
		}
	}
}

// A decision to abort is there for as long as a commit could come, and goes then.
func TestDecisionsExpire(t *testing.T) {
	m := newMemory()
	m.do(call{Verb: decide, Txn: "t"})
	for _, tc := range []struct {
		at    uint64
		there bool
	}{{1 + window, true}, {2 + window, false}} {
		m.index = tc.at - 1
		m.do(call{Verb: decide, Txn: fmt.Sprint(tc.at), Commit: true, Begun: tc.at})
		if _, there := m.data[keyDecision+"t"]; there != tc.there {
			t.Errorf("at %d the decision is there: %t", tc.at, there)
		}
	}
	if a := m.do(call{Verb: decide, Txn: "t", Commit: true}); a.Commit {
		t.Error("the commit that was on its way came through")
	}
}

// What is read is bounded as a whole, not value by value.
func TestMaxRead(t *testing.T) {
	large := func(string) (record.Record, error) {
		return record.Record{Version: record.Version{Time: 1, Node: "n1"}, Value: make([]byte, MaxRead/2)}, nil
	}
	reads := []engine.Op{{Kind: engine.OpRead, Key: "a"}, {Kind: engine.OpRead, Key: "b"}, {Kind: engine.OpRead, Key: "c"}}
	for n, want := range []string{"", "", "", "read fewer keys"} {
		e, err := evaluate(reads[:n], MaxRead, large)
		if err != nil || (e.refuse == "") != (want == "") || !strings.Contains(e.refuse, want) {
			t.Errorf("%d reads: %q (%v), want %q", n, e.refuse, err, want)
		}
	}
}

// Operations see what those before them did, and one that is refused undoes them.
func TestEvaluate(t *testing.T) {
	least := int64(0)
	set := func(value string) engine.Op { return engine.Op{Kind: engine.OpWrite, Key: "k", Value: []byte(value)} }
	with := func(kind engine.OpKind, value string) engine.Op {
		return engine.Op{Kind: kind, Key: "k", Value: []byte(value)}
	}
	add := func(n int64) engine.Op { return engine.Op{Kind: engine.OpAdd, Key: "k", Add: n, AtLeast: &least} }
	absent := engine.Op{Kind: engine.OpCompare, Key: "k", Absent: true}
	drop := engine.Op{Kind: engine.OpDelete, Key: "k"}
	for _, tc := range []struct {
		ops    []engine.Op
		want   string
		refuse string
	}{
		{[]engine.Op{with(engine.OpAppend, "1"), with(engine.OpAppend, "2")}, "1,2", ""},
		{[]engine.Op{set("5"), add(-5)}, "0", ""},
		{[]engine.Op{set("5"), add(-6)}, "", "the sum would be -1"},
		{[]engine.Op{set("x"), add(1)}, "", "no number"},
		{[]engine.Op{set("9223372036854775807"), add(1)}, "", "too large"},
		{[]engine.Op{add(1)}, "", "absent"},
		{[]engine.Op{set("1"), drop, add(1)}, "", "absent"},
		{[]engine.Op{absent, set("1"), with(engine.OpCompare, "1")}, "1", ""},
		{[]engine.Op{set("1"), with(engine.OpCompare, "2")}, "", "another value"},
		{[]engine.Op{set("1"), absent}, "", "is there"},
		{[]engine.Op{with(engine.OpCompare, "1")}, "", "absent"},
		{[]engine.Op{set("01234567890123456789x")}, "", "at most 20"},
		{[]engine.Op{set("")}, "", ""},
		{[]engine.Op{set("1"), drop, absent}, "", ""},
	} {
		m := newMemory()
		a := m.do(call{Verb: execute, Ops: tc.ops, Limit: 20})
		got := m.list("k")
		if tc.refuse == "" && a.Status != done || tc.refuse != "" && (a.Status != refused || !strings.Contains(a.Why, tc.refuse)) || got != tc.want {
			t.Errorf("%+v: %q, %+v; want %q, and %q", tc.ops, got, a, tc.want, tc.refuse)
		}
	}
}
