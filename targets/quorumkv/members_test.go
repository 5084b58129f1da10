package quorumkv

import (
	"slices"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// A member that a change takes out is none to rely on, and one that it takes in is none yet.
func TestMembersWhileTheyChange(t *testing.T) {
	all, less := []string{"n1", "n2", "n3"}, []string{"n1", "n3"}
	for _, tc := range []struct {
		is   protocol.Members
		want []string
	}{
		{protocol.Members{Phase: "stable", Members: all}, all},
		{protocol.Members{Phase: "moving", Members: all, Next: less}, less},
		{protocol.Members{Phase: "switching", Members: less, Next: all}, less},
	} {
		if got := staying(tc.is); !slices.Equal(got, tc.want) {
			t.Errorf("%+v: %v, want %v", tc.is, got, tc.want)
		}
	}
}

// What moved when nodes joined is the average of the shares of all replicas, and nothing where no node told of any.
func TestWhatMovedWhenNodesJoined(t *testing.T) {
	s := &memberedSystem{}
	if got := s.Measures(t.Context()); got != nil {
		t.Errorf("without a join: %v", got)
	}
	members := []string{"n1", "n2", "n3", "n4"}
	s.joins.note("n4", protocol.Members{Members: members, Replication: 2}) // the node that knew was restarted
	s.joins.note("n4", protocol.Members{Members: members, Replication: 2, Moves: map[string]protocol.Move{"n4": {Keys: 100, Taken: 50}}})
	s.joins.note("n3", protocol.Members{Members: members, Replication: 2, Moves: map[string]protocol.Move{"n1": {Keys: 100, Taken: 40}, "n3": {Keys: 100, Taken: 60}}})
	got := s.Measures(t.Context())
	if len(got) != 1 || got[0].Name != history.MeasureMoved || got[0].Value != 0.375 {
		t.Errorf("%+v", got)
	}
}
