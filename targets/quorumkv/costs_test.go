package quorumkv

import (
	"errors"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/sharded"
	"github.com/lapse-test/lapse/targets"
)

// What transactions took is told apart by whether their keys are in one shard; an aborted or refused request counts with the attempts that it made, and one without an answer not at all.
func TestCostsOfTransactions(t *testing.T) {
	s := &orderedSystem{&System{cfg: targets.Config{Options: map[string]string{optShards: "2"}}}}
	if got := s.Measures(t.Context()); got != nil {
		t.Errorf("without transactions: %v", got)
	}
	other := ""
	for _, k := range []string{"b", "c", "d", "e"} {
		if sharded.ShardOf(k, 2) != sharded.ShardOf("a", 2) {
			other = k
		}
	}
	one, two := []protocol.TxnOp{{Key: "a"}, {Key: "a"}}, []protocol.TxnOp{{Key: "a"}, {Key: other}}
	failed := func(code engine.Code, attempts int) error {
		return &client.Error{Failure: protocol.Failure{Code: string(code), Attempts: attempts}}
	}
	for _, tc := range []struct {
		ops  []protocol.TxnOp
		done protocol.Transacted
		err  error
	}{
		{one, protocol.Transacted{Attempts: 1, Rounds: 1, Calls: 1}, nil},
		{two, protocol.Transacted{Attempts: 1, Rounds: 3, Calls: 5}, nil},
		{two, protocol.Transacted{Attempts: 2, Rounds: 5, Calls: 9}, nil},
		{two, protocol.Transacted{}, failed(engine.CodeAborted, 3)},
		{two, protocol.Transacted{}, failed(engine.CodeConflict, 2)},
		{two, protocol.Transacted{}, failed(engine.CodeTimeout, 9)},
		{two, protocol.Transacted{}, errors.New("no answer")},
	} {
		s.transactions.note(s.across(tc.ops), tc.done, tc.err)
	}
	want := map[string]float64{history.MeasureRoundsOne: 1, history.MeasureConflictsOne: 0, history.MeasureRoundsAcross: 4, history.MeasureConflictsAcross: 0.625}
	got := s.Measures(t.Context())
	for _, m := range got {
		if m.Value != want[m.Name] {
			t.Errorf("%s is %v, want %v: %s", m.Name, m.Value, want[m.Name], m.Text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d measures", len(got))
	}
}

// What one process counted and told another is counted there, once, and what is no such count is refused.
func TestCountsOfAnotherProcess(t *testing.T) {
	system := func() *orderedSystem {
		return &orderedSystem{&System{cfg: targets.Config{Options: map[string]string{optShards: "1"}}}}
	}
	here, there := system(), system()
	ops := []protocol.TxnOp{{Key: "a"}}
	for range 3 {
		there.transactions.note(false, protocol.Transacted{Attempts: 2, Rounds: 4, Calls: 1}, nil)
	}
	there.transactions.note(there.across(ops), protocol.Transacted{Attempts: 2, Rounds: 4, Calls: 1}, nil)
	there.pages.note(3)
	there.pages.note(4)
	want := append(there.Measures(t.Context()), there.System.Measures(t.Context())...)
	counts := there.TakeCounts()
	if again := there.TakeCounts(); again != nil {
		t.Errorf("taken twice: %v", again)
	}
	if here.AddCounts(counts[1:]) || here.Measures(t.Context()) != nil {
		t.Error("counts of something else were added")
	}
	if !here.AddCounts(counts) {
		t.Error("the counts were refused")
	}
	got := append(here.Measures(t.Context()), here.System.Measures(t.Context())...)
	if len(got) != 3 || !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
