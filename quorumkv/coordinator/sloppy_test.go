package coordinator

import (
	"context"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// side makes a fate in which nodes of a group reach each other and nobody else.
func side(group []string) fate {
	return func(_ context.Context, m message) (bool, error) {
		if slices.Contains(group, m.from) != slices.Contains(group, m.to) {
			return false, errRefused
		}
		return false, nil
	}
}

// Of five nodes the replicas of a key are cut in two: where two of the three are missing a strict quorum is refused, and a sloppy one taken by
// others, of which readers on the other side see nothing. Healed, it comes to the replicas.
func TestSloppyQuorums(t *testing.T) {
	for _, sloppy := range []bool{false, true} {
		n := start(t, config{nodes: 5, hints: true, sloppy: sloppy, repair: RepairOff, stamps: FromCoordinator})
		n.mustPut(t, "n1", "a", "old", "3")
		replicas := n.nodes["n1"].coord.Members.View().Read.Replicas("a")
		others := slices.DeleteFunc([]string{"n1", "n2", "n3", "n4", "n5"}, func(x string) bool { return slices.Contains(replicas, x) })
		n.set(side(append([]string{replicas[0]}, others...)))
		via := replicas[0]
		res, err := n.put(t, via, "a", "new", "2")
		if !sloppy {
			if err == nil || err.Outcome != engine.NotWritten {
				t.Fatalf("strict: the write with one replica of three gets %+v, %v", res, err)
			}
			continue
		}
		if err != nil || len(res.Acked) < 2 {
			t.Fatalf("sloppy: %+v, %v", res, err)
		}
		n.wantGet(t, via, "a", "2", "new")
		n.wantGet(t, replicas[1], "a", "2", "old") // it meets no node that has the write: W+R > N says nothing here
		n.heal(t)
		for _, r := range replicas {
			eventually(t, r+" has what others stood in for", func() bool { return n.holds(t, r, "a") == "new" })
		}
	}
}

// With as many nodes as replicas there is nobody to stand in.
func TestSloppyWithoutOthers(t *testing.T) {
	n := start(t, config{nodes: 3, hints: true, sloppy: true, stamps: FromCoordinator})
	n.set(side([]string{"n1"}))
	if res, err := n.put(t, "n1", "a", "x", "2"); err == nil || err.Outcome != engine.NotWritten {
		t.Errorf("a write with one node of three gets %+v, %v", res, err)
	}
}
