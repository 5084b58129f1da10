package set

import (
	"context"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

func add(s int32, from, to history.Time, v history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.Add, A: v}}}
}

func remove(s int32, from, to history.Time, v history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.Remove, A: v}}}
}

func read(s int32, from, to history.Time, l ...history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.ReadSet, L: l}}}
}

func TestSet(t *testing.T) {
	exhaust.Run(t, New(), []exhaust.Case{
		{Name: "kept", Ops: []exhaust.Op{add(0, 1, 2, 1), add(0, 3, 4, 2), read(1, 5, 6, 2, 1)}},
		{Name: "lost", Ops: []exhaust.Op{add(0, 1, 2, 1), add(0, 3, 4, 2), read(1, 5, 6, 2)}, Anomalies: []string{"lost element"}},
		{Name: "stale only", Ops: []exhaust.Op{add(0, 1, 2, 1), read(1, 5, 6), read(1, 7, 8, 1)}},
		{Name: "seen and lost", Ops: []exhaust.Op{{S: 0, From: 1, Info: true, Mops: []exhaust.M{{F: history.Add, A: 1}}}, read(1, 5, 6, 1), read(1, 7, 8)}, Anomalies: []string{"lost element"}},
		{Name: "unanswered and never seen", Ops: []exhaust.Op{add(2, 0, 1, 9), {S: 0, From: 1, Info: true, Mops: []exhaust.M{{F: history.Add, A: 1}}}, read(1, 5, 6, 9)}},
		{Name: "concurrent", Ops: []exhaust.Op{add(2, 0, 1, 9), add(0, 1, 6, 1), read(1, 5, 6, 9)}},
		{Name: "failed but there", Ops: []exhaust.Op{{S: 0, From: 1, To: 2, Fail: true, Mops: []exhaust.M{{F: history.Add, A: 1}}}, read(1, 5, 6, 1)}, Anomalies: []string{"aborted element"}, Inconclusive: true},
		{Name: "from nowhere", Ops: []exhaust.Op{add(0, 1, 2, 1), read(1, 5, 6, 1, 3)}, Anomalies: []string{"unexpected element"}},
		{Name: "too early", Ops: []exhaust.Op{read(1, 1, 2, 1), add(0, 3, 4, 1)}, Anomalies: []string{"future element"}},
		{Name: "twice", Ops: []exhaust.Op{add(0, 1, 2, 1), read(1, 5, 6, 1, 1)}, Anomalies: []string{"duplicate element"}},
		{Name: "twice in two reads", Ops: []exhaust.Op{add(0, 1, 2, 1), read(1, 5, 6, 1), read(1, 7, 8, 1)}},
		{Name: "removed", Ops: []exhaust.Op{add(2, 0, 1, 9), add(0, 1, 2, 1), remove(0, 3, 4, 1), read(1, 5, 6, 9)}},
		{Name: "removed, and there", Ops: []exhaust.Op{add(2, 0, 1, 9), add(0, 1, 2, 1), remove(0, 3, 4, 1), read(1, 5, 6, 1, 9)}, Anomalies: []string{"removed element"}},
		{Name: "removed, not seen, and back", Ops: []exhaust.Op{add(2, 0, 1, 9), add(0, 1, 2, 1), remove(0, 3, 4, 1), read(1, 5, 6, 9), read(1, 7, 8, 1, 9)}, Anomalies: []string{"removed element"}},
		{Name: "a stale read beside one that is not", Ops: []exhaust.Op{add(2, 0, 1, 9), add(0, 1, 2, 1), remove(0, 3, 4, 1), read(2, 5, 6, 9), read(1, 7, 8, 1, 9), read(2, 9, 10, 9)}, Anomalies: []string{"removed element"}},
		{Name: "no read", Ops: []exhaust.Op{add(0, 1, 2, 1)}, Inconclusive: true},
	})
}

func TestStrict(t *testing.T) {
	exhaust.Run(t, NewLinearizable(), []exhaust.Case{
		{Name: "kept", Ops: []exhaust.Op{add(0, 1, 2, 1), add(0, 3, 4, 2), read(1, 5, 6, 2, 1)}},
		{Name: "stale", Ops: []exhaust.Op{add(0, 1, 2, 1), read(1, 5, 6), read(1, 7, 8, 1)}, Anomalies: []string{"stale read"}},
		{Name: "concurrent", Ops: []exhaust.Op{add(0, 1, 5, 1), read(1, 5, 6), read(1, 7, 8, 1)}},
		{Name: "forked", Ops: []exhaust.Op{add(0, 1, 9, 1), add(1, 1, 9, 2), read(2, 2, 3, 1), read(3, 2, 3, 2)}, Anomalies: []string{"incomparable reads"}},
		{Name: "adds out of order", Ops: []exhaust.Op{add(0, 1, 2, 1), add(0, 3, 9, 2), read(2, 2, 5, 2), read(3, 4, 6, 1, 2)}, Anomalies: []string{"stale read"}},
	})
}

// TestStrictRefusesRemovals: the same history with and without a removal.
func TestStrictRefusesRemovals(t *testing.T) {
	ops := []exhaust.Op{addOp(0, 1, 2, 1), removeOp(0, 3, 4, 1), readOp(1, 5, 6, 1)}
	err := NewLinearizable().Applies(exhaust.Build(t, nil, ops...))
	if err == nil || !strings.Contains(err.Error(), "operation 1 removes an element") {
		t.Errorf("with a removal: %v", err)
	}
	if err := NewLinearizable().Applies(exhaust.Build(t, nil, ops[0], ops[2])); err != nil {
		t.Errorf("without: %v", err)
	}
}

func TestOutcomes(t *testing.T) {
	h := exhaust.Build(t, nil,
		add(0, 10, 20, 1), add(0, 30, 40, 2), add(0, 50, 60, 3), add(0, 70, 80, 4),
		exhaust.Op{S: 2, From: 70, Info: true, Mops: []exhaust.M{{F: history.Add, A: 5}}},
		read(1, 45, 46, 1), // 2 is known since 40 and missed
		read(1, 100, 110, 1, 2, 3),
		read(1, 200, 210, 1, 2), // 3 is lost: it was seen at 100
	)
	got, err := Outcomes(context.Background(), h, checkers.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	// 4 was acknowledged at 80 and missed from 100 on.
	if got.Attempted != 5 || got.Acknowledged != 4 || got.Stable != 2 || got.Stale != 1 || got.Lost != 2 || got.NeverRead != 1 {
		t.Errorf("got %+v", got)
	}
	if got.StableLatency.P100 != 5 || got.LostLatency.P100 != 40 || got.LostLatency.P0 != 0 {
		t.Errorf("latencies: %+v %+v", got.StableLatency, got.LostLatency)
	}
	if len(got.Worst) != 1 || got.Worst[0].Element != "2" {
		t.Errorf("worst: %+v", got.Worst)
	}
}
