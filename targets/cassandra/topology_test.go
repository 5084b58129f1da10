package cassandra

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTokens: all tokens of a cluster differ and are evenly apart.
func TestTokens(t *testing.T) {
	for nodes := 1; nodes <= maxNodes; nodes++ {
		for _, vnodes := range []int{1, 16, 256} {
			top := topology{nodes: nodes, dcs: 1, rf: 1, vnodes: vnodes}
			var all []int64
			for n := range nodes {
				all = append(all, top.tokens(n)...)
			}
			slices.Sort(all)
			step := uint64(all[len(all)-1]-all[0]) / uint64(max(1, len(all)-1))
			for i := 1; i < len(all); i++ {
				if gap := uint64(all[i] - all[i-1]); gap < step-1 || gap > step+1 {
					t.Fatalf("%d nodes with %d tokens: a gap of %d among steps of %d", nodes, vnodes, gap, step)
				}
			}
			if len(all) != nodes*vnodes {
				t.Errorf("%d tokens", len(all))
			}
		}
	}
}

func TestDataCentres(t *testing.T) {
	for nodes, want := range map[int][2]int{2: {1, 1}, 3: {2, 1}, 4: {2, 2}, 5: {3, 2}} {
		top := twoCentres(nodes, 1)
		if got := [2]int{len(top.members(0)), len(top.members(1))}; got != want {
			t.Errorf("%d nodes are divided %v", nodes, got)
		}
		if top.smallest() != want[1] {
			t.Errorf("%d nodes: the smaller has %d", nodes, top.smallest())
		}
	}
	if got := twoCentres(5, 2).replication(2); got != "{'class': 'NetworkTopologyStrategy', 'dc1': 2, 'dc2': 2}" {
		t.Error(got)
	}
	if got := twoCentres(5, 2).replication(0); got != "{'class': 'NetworkTopologyStrategy', 'dc1': 3, 'dc2': 2}" {
		t.Error(got)
	}
}

// TestReplicaCounts: any token has rf different replicas in each data centre.
func TestReplicaCounts(t *testing.T) {
	for nodes := 1; nodes <= maxNodes; nodes++ {
		for dcs := 1; dcs <= 2 && dcs <= nodes; dcs++ {
			for rf := 1; rf <= nodes/dcs; rf++ {
				top := topology{nodes: nodes, dcs: dcs, rf: rf, vnodes: 3}
				r := newRing(top)
				for range 200 {
					got := r.replicas(int64(rand.Uint64()))
					if len(got) != rf*dcs || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
						t.Fatalf("%+v: %v", top, got)
					}
					for dc := range dcs {
						if n := len(slices.DeleteFunc(slices.Clone(got), func(i int) bool { return top.dc(i) != dc })); n != rf {
							t.Fatalf("%+v: %v has %d in data centre %d", top, got, n, dc)
						}
					}
				}
			}
		}
	}
}

// TestMurmur3 has known values of MurmurHash3 x64 128; more are compared with a
// real node in TestThreeNodes.
func TestMurmur3(t *testing.T) {
	for key, want := range map[string]int64{
		"":      0,
		"hello": -0x3427584cbe4264fe,
		"123":   -7468325962851647638,
		"The quick brown fox jumps over the lazy dog": -0x1cb44384_43f8e494,
	} {
		if got := murmur3([]byte(key)); got != want {
			t.Errorf("%q: %d, want %d", key, got, want)
		}
	}
}
