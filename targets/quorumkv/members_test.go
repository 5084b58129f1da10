package quorumkv

import (
	"slices"
	"testing"

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
