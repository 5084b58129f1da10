package longfork

import (
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

func write(s int32, at history.Time, k history.Key, v history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: at, To: at + 1, Mops: []exhaust.M{{F: history.Write, K: k, A: v}}}
}

func read(s int32, at history.Time, a, b history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: at, To: at + 1, Mops: []exhaust.M{{F: history.Read, K: 0, R: a}, {F: history.Read, K: 1, R: b}}}
}

const none = history.Absent

func TestLongFork(t *testing.T) {
	exhaust.Run(t, New(), []exhaust.Case{
		{Name: "one order", Ops: []exhaust.Op{write(0, 1, 0, 5), write(1, 2, 1, 6), read(2, 3, 5, none), read(3, 4, 5, none), read(3, 6, 5, 6)}},
		{Name: "forked", Ops: []exhaust.Op{write(0, 1, 0, 5), write(1, 2, 1, 6), read(2, 3, 5, none), read(3, 4, none, 6), read(3, 6, 5, 6)}, Anomalies: []string{"long fork"}},
		{Name: "nothing between", Ops: []exhaust.Op{write(0, 1, 0, 5), write(1, 2, 1, 6), read(2, 3, none, none), read(3, 6, 5, 6)}, Inconclusive: true},
	})
	twice := exhaust.Build(t, nil, write(0, 1, 0, 5), write(0, 3, 0, 6))
	if New().Applies(twice) == nil {
		t.Error("a key that is written twice was accepted")
	}
}

// TestConcerns: a history of plain reads has nothing that this model is about, whatever was answered; one read of two keys is enough.
func TestConcerns(t *testing.T) {
	one := exhaust.Op{S: 2, From: 3, To: 4, Mops: []exhaust.M{{F: history.Read, K: 0, R: 5}}}
	twice := exhaust.Op{S: 2, From: 3, To: 4, Mops: []exhaust.M{{F: history.Read, K: 0, R: 5}, {F: history.Read, K: 0, R: 5}}}
	for _, c := range []struct {
		what string
		op   exhaust.Op
		want bool
	}{{"a read of one key", one, false}, {"two reads of one key", twice, false}, {"a read of two keys", read(2, 3, none, none), true}} {
		h := exhaust.Build(t, nil, write(0, 1, 0, 5), write(1, 1, 1, 6), c.op)
		if got := New().(checkers.Selective).Concerns(h); got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
	}
}
