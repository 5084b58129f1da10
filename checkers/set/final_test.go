package set

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

func TestInTheEnd(t *testing.T) {
	op := func(s int32, from, to history.Time, f history.Func, v history.Value) exhaust.Op {
		return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: f, A: v}}}
	}
	add := func(s int32, from, to history.Time, v history.Value) exhaust.Op {
		return op(s, from, to, history.Add, v)
	}
	remove := func(s int32, from, to history.Time, v history.Value) exhaust.Op {
		return op(s, from, to, history.Remove, v)
	}
	read := func(s int32, from, to history.Time, l ...history.Value) exhaust.Op {
		return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.ReadSet, L: l}}}
	}
	clears := func(s int32, from, to history.Time) exhaust.Op { return op(s, from, to, history.Clear, 0) }
	info := func(o exhaust.Op) exhaust.Op { o.Info = true; return o }
	fail := func(o exhaust.Op) exhaust.Op { o.Fail = true; return o }
	exhaust.Run(t, NewEventual(), []exhaust.Case{
		{Name: "both are there", Ops: []exhaust.Op{add(0, 1, 2, 1), add(1, 1, 2, 2), read(2, 5, 6, 1, 2)}},
		{Name: "one is lost", Ops: []exhaust.Op{add(0, 1, 2, 1), add(1, 1, 2, 2), read(2, 5, 6, 2)}, Anomalies: []string{"lost element"}},
		{Name: "late, but not in the end", Ops: []exhaust.Op{add(0, 1, 2, 1), read(2, 3, 4), add(1, 5, 6, 2), read(2, 7, 8, 1, 2)}},
		{Name: "one node has not heard", Ops: []exhaust.Op{add(0, 1, 2, 1), read(2, 5, 6), read(3, 7, 8, 1)}, Anomalies: []string{"lost element"}},
		{Name: "one node heard of it late", Ops: []exhaust.Op{add(0, 1, 2, 1), read(2, 5, 6), read(2, 7, 8, 1)}},
		{Name: "one node forgot it", Ops: []exhaust.Op{add(0, 1, 2, 1), read(2, 5, 6, 1), read(2, 7, 8)}, Anomalies: []string{"lost element"}},
		{Name: "removed", Ops: []exhaust.Op{add(0, 1, 2, 1), remove(1, 3, 4, 1), read(2, 5, 6)}},
		{Name: "removed, and back", Ops: []exhaust.Op{add(0, 1, 2, 1), remove(1, 3, 4, 1), read(2, 5, 6, 1)}, Anomalies: []string{"removed element"}},
		{Name: "seen by one before it heard of the removal", Ops: []exhaust.Op{add(0, 1, 2, 1), remove(1, 3, 4, 1), read(2, 5, 6, 1), add(0, 7, 8, 2), read(2, 9, 10, 2)}},
		{Name: "a removal that failed", Ops: []exhaust.Op{add(0, 1, 2, 1), fail(remove(1, 3, 4, 1)), read(2, 5, 6)}, Anomalies: []string{"lost element"}},
		{Name: "a removal without an answer", Ops: []exhaust.Op{add(0, 1, 2, 1), info(remove(1, 3, 4, 1)), read(2, 5, 6), read(3, 5, 6, 1)}, Inconclusive: true},
		{Name: "a removal at the same time", Ops: []exhaust.Op{add(0, 1, 4, 1), remove(1, 3, 4, 1), read(2, 5, 6), read(3, 5, 6, 1)}, Inconclusive: true},
		{Name: "a removal before", Ops: []exhaust.Op{remove(1, 1, 2, 1), add(0, 3, 4, 1), read(2, 5, 6)}, Anomalies: []string{"lost element"}},
		{Name: "added again", Ops: []exhaust.Op{add(0, 1, 2, 1), remove(1, 3, 4, 1), add(0, 5, 6, 1), read(2, 7, 8, 1)}},
		{Name: "added in two regions, removed in one that had heard of its own", Ops: []exhaust.Op{add(0, 1, 2, 1), add(1, 1, 2, 1), remove(0, 3, 4, 1), read(2, 5, 6, 1)}, Inconclusive: true},
		{Name: "added in two regions, removed in one that had heard of both", Ops: []exhaust.Op{add(0, 1, 2, 1), add(1, 1, 2, 1), remove(0, 3, 4, 1), read(2, 5, 6)}, Inconclusive: true},
		{Name: "perhaps added in two regions", Ops: []exhaust.Op{add(0, 1, 2, 1), info(add(1, 1, 2, 1)), remove(0, 3, 4, 1), read(2, 5, 6, 1)}, Inconclusive: true},
		{Name: "added in one of two regions", Ops: []exhaust.Op{add(0, 1, 2, 1), fail(add(1, 1, 2, 1)), remove(0, 3, 4, 1), read(2, 5, 6, 1)}, Anomalies: []string{"removed element"}},
		{Name: "added twice, and never removed", Ops: []exhaust.Op{add(0, 1, 2, 1), add(1, 1, 2, 1), read(2, 5, 6)}, Anomalies: []string{"lost element"}},
		{Name: "cleared", Ops: []exhaust.Op{add(0, 1, 2, 1), clears(1, 3, 4), read(2, 5, 6), read(3, 5, 6, 1)}, Inconclusive: true},
		{Name: "added after it was cleared", Ops: []exhaust.Op{clears(1, 1, 2), add(0, 3, 4, 1), read(2, 5, 6)}, Anomalies: []string{"lost element"}},
		{Name: "added while it was cleared", Ops: []exhaust.Op{clears(1, 1, 3), add(0, 3, 4, 1), read(2, 5, 6)}, Inconclusive: true},
		{Name: "a clearing that failed", Ops: []exhaust.Op{add(0, 1, 2, 1), fail(clears(1, 3, 4)), read(2, 5, 6)}, Anomalies: []string{"lost element"}},
		{Name: "a clearing without an answer", Ops: []exhaust.Op{info(clears(1, 1, 2)), add(0, 3, 4, 1), read(2, 5, 6)}, Inconclusive: true},
		{Name: "another set is cleared", Ops: []exhaust.Op{add(0, 1, 2, 1), {S: 1, From: 3, To: 4, Mops: []exhaust.M{{F: history.Clear, K: 1}}}, read(2, 5, 6)}, Anomalies: []string{"lost element"}},
		{Name: "an element removed, then the set cleared", Ops: []exhaust.Op{add(0, 1, 2, 1), remove(1, 3, 4, 1), clears(1, 5, 6), read(2, 7, 8, 1)}, Anomalies: []string{"removed element"}},
		{Name: "an add without an answer", Ops: []exhaust.Op{add(0, 1, 2, 1), info(add(1, 1, 2, 2)), read(2, 5, 6, 1), read(3, 5, 6, 1, 2)}},
		{Name: "an add that failed", Ops: []exhaust.Op{add(0, 1, 2, 1), fail(add(1, 1, 2, 2)), read(2, 5, 6, 1, 2)}, Anomalies: []string{"aborted element"}},
		{Name: "nobody added it", Ops: []exhaust.Op{add(0, 1, 2, 1), read(2, 5, 6, 1, 9)}, Anomalies: []string{"unexpected element"}},
	})
}
