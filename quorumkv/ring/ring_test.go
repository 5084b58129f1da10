package ring

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func mustRing(t testing.TB, nodes []string, n, vnodes int) *Ring {
	t.Helper()
	r, err := New(nodes, n, vnodes)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func names(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("n%d", i+1))
	}
	return out
}

func TestReplicasAreDistinctAndStable(t *testing.T) {
	for nodes := 1; nodes <= 6; nodes++ {
		for n := 1; n <= nodes; n++ {
			r := mustRing(t, names(nodes), n, 64)
			reversed := names(nodes)
			slices.Reverse(reversed)
			same := mustRing(t, reversed, n, 64)
			for k := range 200 {
				key := fmt.Sprint("key", k)
				got := r.Replicas(key)
				if len(got) != n {
					t.Fatalf("%d nodes, N=%d: %q has %v", nodes, n, key, got)
				}
				sorted := slices.Clone(got)
				slices.Sort(sorted)
				if len(slices.Compact(sorted)) != n {
					t.Fatalf("a replica twice: %v", got)
				}
				if !slices.Equal(got, same.Replicas(key)) {
					t.Fatal("the order in which nodes are given changes the ring")
				}
			}
		}
	}
}

// The placement is part of the data on disk: a change of it would lose keys on upgrade.
func TestPlacementIsPinned(t *testing.T) {
	r := mustRing(t, names(5), 3, 256)
	var got []string
	for _, key := range []string{"a", "profile:42", "äöü", strings.Repeat("x", 500)} {
		got = append(got, strings.Join(r.Replicas(key), " "))
	}
	want := []string{"n5 n1 n2", "n2 n1 n4", "n1 n5 n3", "n3 n5 n4"}
	if !slices.Equal(got, want) {
		t.Fatalf("placement changed:\n got %q\nwant %q", got, want)
	}
}

func TestBalance(t *testing.T) {
	r := mustRing(t, names(5), 3, 256)
	var total float64
	for _, n := range r.Nodes() {
		o := r.Owned(n)
		total += o
		if o < 0.2*0.75 || o > 0.2*1.25 {
			t.Errorf("%s owns %.3f of the space, expected about 0.2", n, o)
		}
	}
	if math.Abs(total-1) > 1e-9 {
		t.Errorf("shares add up to %v", total)
	}
	counts := map[string]int{}
	const keys = 30000
	for k := range keys {
		for _, n := range r.Replicas(fmt.Sprint("user:", k)) {
			counts[n]++
		}
	}
	for n, c := range counts {
		if share := float64(c) / keys / 3; share < 0.15 || share > 0.25 {
			t.Errorf("%s holds %.3f of the replicas", n, share)
		}
	}
}

func TestAddingANodeMovesOnlyItsShare(t *testing.T) {
	before, after := mustRing(t, names(4), 1, 256), mustRing(t, names(5), 1, 256)
	moved := 0
	const keys = 20000
	for k := range keys {
		key := fmt.Sprint(k)
		a, b := before.Replicas(key)[0], after.Replicas(key)[0]
		if a != b {
			moved++
			if b != "n5" {
				t.Fatalf("%q moved from %s to %s, not to the new node", key, a, b)
			}
		}
	}
	if share := float64(moved) / keys; share < 0.15 || share > 0.25 {
		t.Errorf("%.3f of the keys moved, expected about 0.2", share)
	}
}

func TestMisplaced(t *testing.T) {
	r := mustRing(t, names(5), 3, 256)
	for k := range 100 {
		key := fmt.Sprint(k)
		good, bad := r.Replicas(key), r.Misplaced(key)
		if len(bad) != 3 || slices.Contains(bad, good[0]) {
			t.Fatalf("%q: replicas %v, misplaced %v", key, good, bad)
		}
	}
	full := mustRing(t, names(3), 3, 16)
	if got := full.Misplaced("k"); !slices.Equal(got, full.Replicas("k")) {
		t.Fatalf("with N nodes there is nowhere else to look: %v", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		nodes     []string
		n, vnodes int
		want      string
	}{
		{nil, 1, 1, "no nodes"},
		{[]string{"a", "b", "a"}, 1, 1, "twice"},
		{[]string{"a"}, 2, 1, "2 replicas on 1 nodes"},
		{[]string{"a"}, 0, 1, "0 replicas"},
		{[]string{"a"}, 1, 0, "virtual nodes"},
		{[]string{"a"}, 1, MaxVirtualNodes + 1, "virtual nodes"},
	} {
		if _, err := New(tc.nodes, tc.n, tc.vnodes); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("New(%v, %d, %d): error %v, want one about %q", tc.nodes, tc.n, tc.vnodes, err, tc.want)
		}
	}
}

func TestDigestSeparatesPlacements(t *testing.T) {
	a := mustRing(t, names(3), 2, 16).Digest()
	if a != mustRing(t, []string{"n3", "n1", "n2"}, 2, 16).Digest() {
		t.Error("the same placement has two digests")
	}
	for _, o := range []*Ring{mustRing(t, names(4), 2, 16), mustRing(t, names(3), 3, 16), mustRing(t, names(3), 2, 17)} {
		if o.Digest() == a {
			t.Error("another placement has the same digest")
		}
	}
}

func BenchmarkReplicas(b *testing.B) {
	r := mustRing(b, names(5), 3, 256)
	b.ReportAllocs()
	for b.Loop() {
		r.Replicas("profile:42")
	}
}
