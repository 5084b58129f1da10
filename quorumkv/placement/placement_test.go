package placement

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/ring"
)

func names(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint("n", i+1))
	}
	return out
}

func must(t testing.TB, o Options) Placement {
	t.Helper()
	if o.VirtualNodes == 0 {
		o.VirtualNodes = DefaultVirtualNodes
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func some(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("user:%06d", i)
	}
	return keys
}

// all place keys by every partitioner on so many nodes.
func all(nodes, n int) []Options {
	return []Options{
		{Partitioner: Ring, Nodes: names(nodes), Replication: n, VirtualNodes: 64},
		{Partitioner: Modulo, Nodes: names(nodes), Replication: n},
		{Partitioner: Range, Nodes: names(nodes), Replication: n},
		{Partitioner: Range, Nodes: names(nodes), Replication: n, SplitPoints: []string{"user:000030", "user:00006", "user:0001"}},
	}
}

// What the coordinator's proof and its stand-ins need of every placement.
func TestReplicasAndThoseBeyondAreAllNodesOnce(t *testing.T) {
	for nodes := 1; nodes <= 6; nodes++ {
		for n := 1; n <= nodes; n++ {
			reversed := names(nodes)
			slices.Reverse(reversed)
			for _, o := range all(nodes, n) {
				p := must(t, o)
				o.Nodes = reversed
				same := must(t, o)
				if same.Digest() != p.Digest() {
					t.Fatalf("%s: the order in which nodes are given changes the digest", p.Settings())
				}
				for _, key := range some(150) {
					got := p.Replicas(key)
					everybody := slices.Concat(got, p.Beyond(key))
					slices.Sort(everybody)
					if len(got) != n || !slices.Equal(everybody, names(nodes)) {
						t.Fatalf("%s, %d nodes, N=%d: %q has %v, beyond %v", p.Settings(), nodes, n, key, got, p.Beyond(key))
					}
					if !slices.Equal(got, same.Replicas(key)) {
						t.Fatalf("%s: the order in which nodes are given changes the placement", p.Settings())
					}
					off := p.Misplaced(key)
					if len(off) != n || (n < nodes) == slices.Contains(off, got[0]) {
						t.Fatalf("%s, %d nodes, N=%d: %q has %v, misplaced %v", p.Settings(), nodes, n, key, got, off)
					}
				}
			}
		}
	}
}

// The placement is part of the data on disk: a change of it would lose keys on upgrade.
func TestPlacementsArePinned(t *testing.T) {
	for want, p := range map[string]Placement{
		"n5 n1 n2|n2 n1 n4|n1 n5 n3": must(t, Options{Partitioner: Ring, Nodes: names(5), Replication: 3}),
		"n1 n2 n3|n3 n4 n5|n5 n1 n2": must(t, Options{Partitioner: Modulo, Nodes: names(5), Replication: 3}),
		"n1 n2 n3|n4 n5 n1|n5 n1 n2": must(t, Options{Partitioner: Range, Nodes: names(5), Replication: 3, SplitPoints: []string{"b", "c", "p", "q"}}),
	} {
		var got []string
		for _, key := range []string{"a", "profile:42", "äöü"} {
			got = append(got, strings.Join(p.Replicas(key), " "))
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%s: placement is\n%s, want\n%s", p.Settings(), s, want)
		}
	}
}

// A directory and peers of before there were several partitioners know the ring's own digest.
func TestTheRingKeepsItsDigest(t *testing.T) {
	r, err := ring.New(names(5), 3, 256)
	if err != nil {
		t.Fatal(err)
	}
	if p := must(t, Options{Partitioner: Ring, Nodes: names(5), Replication: 3}); p.Digest() != r.Digest() {
		t.Errorf("digest %s, was %s", p.Digest(), r.Digest())
	}
}

// Neighbours of a split point: the point itself belongs to the range above it.
func TestRangesBeginAtTheirSplitPoints(t *testing.T) {
	p := must(t, Options{Partitioner: Range, Nodes: names(3), Replication: 1, SplitPoints: []string{"g", "gg", "ü"}})
	for key, want := range map[string]string{"a": "n1", "fzz": "n1", "g": "n2", "g~": "n3", "gf": "n2", "gg": "n3", "z": "n3", "ü": "n1", "ÿ": "n1"} {
		if got := p.Replicas(key); got[0] != want {
			t.Errorf("%q is on %s, want %s", key, got[0], want)
		}
	}
	if a, b := p.Owned("n1"), p.Owned("n2"); a != 0.5 || b != 0.25 || p.Owned("n9") != 0 {
		t.Errorf("of four ranges n1 has %v, n2 %v", a, b)
	}
}

func TestDigestsAndSettingsSeparatePlacements(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range []Options{
		{Partitioner: Ring, Nodes: names(3), Replication: 2},
		{Partitioner: Ring, Nodes: names(3), Replication: 2, VirtualNodes: 1},
		{Partitioner: Modulo, Nodes: names(3), Replication: 2},
		{Partitioner: Modulo, Nodes: names(3), Replication: 3},
		{Partitioner: Modulo, Nodes: names(4), Replication: 2},
		{Partitioner: Range, Nodes: names(3), Replication: 2},
		{Partitioner: Range, Nodes: names(3), Replication: 2, SplitPoints: []string{"ab"}},
		{Partitioner: Range, Nodes: names(3), Replication: 2, SplitPoints: []string{"a", "b"}},
		{Partitioner: Range, Nodes: names(3), Replication: 2, SplitPoints: []string{"a\nb\x00ü"}},
	} {
		p := must(t, o)
		if seen[p.Digest()] {
			t.Errorf("%+v has the digest of another", o)
		}
		seen[p.Digest()] = true
		for _, c := range p.Settings() {
			if c < ' ' || c > '~' {
				t.Errorf("%q is not a line of ASCII", p.Settings())
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		o    Options
		want string
	}{
		{Options{Partitioner: "hash"}, `partitioner: "hash" is not ring, modulo or range`},
		{Options{}, `partitioner: "" is not`},
		{Options{Partitioner: Modulo, Replication: 1}, "no nodes"},
		{Options{Partitioner: Modulo, Nodes: names(2), Replication: 3}, "replication: 3 replicas on 2 nodes"},
		{Options{Partitioner: Range, Nodes: []string{"a", "a"}, Replication: 1}, "named twice"},
		{Options{Partitioner: Ring, Nodes: names(2), Replication: 3}, "replication, virtual_nodes: ring: 3 replicas on 2 nodes"},
		{Options{Partitioner: Modulo, Nodes: names(2), Replication: 1, VirtualNodes: 8}, "virtual_nodes: is a setting of partitioner ring; leave it out with partitioner modulo"},
		{Options{Partitioner: Range, Nodes: names(2), Replication: 1, VirtualNodes: 8}, "leave it out with partitioner range"},
		{Options{Partitioner: Ring, Nodes: names(2), Replication: 1, SplitPoints: []string{"a"}}, "split_points: is a setting of partitioner range; leave it out with partitioner ring"},
		{Options{Partitioner: Range, Nodes: names(2), Replication: 1, SplitPoints: []string{"a", "a"}}, `"a" must come before "a"`},
		{Options{Partitioner: Range, Nodes: names(2), Replication: 1, SplitPoints: []string{"k2", "k10"}}, `"k10" must come before "k2"`},
		{Options{Partitioner: Range, Nodes: names(2), Replication: 1, SplitPoints: []string{""}}, "an empty one"},
		{Options{Partitioner: Range, Nodes: names(2), Replication: 1, SplitPoints: some(MaxSplitPoints + 1)}, "at most 1024"},
	} {
		if tc.o.VirtualNodes == 0 {
			tc.o.VirtualNodes = DefaultVirtualNodes
		}
		if p, err := New(tc.o); err == nil || p != nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, error %v, want one with %q", tc.o, p, err, tc.want)
		}
	}
}

// splits cuts keys into as many ranges of the same size.
func splits(keys []string, ranges int) []string {
	var out []string
	for i := 1; i < ranges; i++ {
		out = append(out, keys[i*len(keys)/ranges])
	}
	return out
}

// The figures of the store's README are functions of keys and nodes alone: the same on every machine.
func TestFiguresOfTheReadme(t *testing.T) {
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := some(100_000)
	hot := keys[len(keys)-1000:]
	for _, tc := range []struct {
		name string
		o    Options
		// What is claimed of the figures, beyond that they are printed.
		moved, most func(share float64) bool
	}{
		{"`ring`, 256 virtual nodes", Options{Partitioner: Ring}, func(m float64) bool { return m > 0.08 && m < 0.12 }, func(m float64) bool { return m < 1.25 }},
		{"`ring`, 16 virtual nodes", Options{Partitioner: Ring, VirtualNodes: 16}, nil, nil},
		{"`ring`, 1 virtual node", Options{Partitioner: Ring, VirtualNodes: 1}, nil, func(m float64) bool { return m > 2 }},
		{"`modulo`", Options{Partitioner: Modulo}, func(m float64) bool { return m > 0.85 }, func(m float64) bool { return m < 1.05 }},
		{"`range`, 90 of the same size", Options{Partitioner: Range, SplitPoints: splits(keys, 90)}, func(m float64) bool { return m > 0.85 }, func(m float64) bool { return m < 1.02 }},
	} {
		on := func(nodes int) Placement {
			o := tc.o
			o.Nodes, o.Replication = names(nodes), 1
			return must(t, o)
		}
		nine, ten := on(9), on(10)
		moved := shareMoved(nine, ten, keys)
		least, most := imbalance(nine, keys)
		_, last := imbalance(nine, hot)
		row := fmt.Sprintf("| %s | %.1f %% | %.2f to %.2f | %.2f |", tc.name, 100*moved, least, most, last)
		if !strings.Contains(string(b), row) {
			t.Errorf("the README lacks the row\n%s", row)
		}
		if tc.moved != nil && !tc.moved(moved) || tc.most != nil && !tc.most(most) {
			t.Errorf("%s: %.3f moved, the fullest node has %.2f times its share", tc.name, moved, most)
		}
	}
}

func TestMovedAndImbalanceOfWhatIsKnown(t *testing.T) {
	before := must(t, Options{Partitioner: Range, Nodes: names(2), Replication: 1, SplitPoints: []string{"b", "c", "d"}})
	after := must(t, Options{Partitioner: Range, Nodes: names(3), Replication: 1, SplitPoints: []string{"b", "c", "d"}})
	keys := []string{"a", "b", "c", "d"} // on n1 n2 n1 n2, then on n1 n2 n3 n1
	if got := shareMoved(before, after, keys); got != 0.5 {
		t.Errorf("%v of the keys moved, want 0.5", got)
	}
	if shareMoved(before, before, keys) != 0 || shareMoved(before, after, nil) != 0 {
		t.Error("nothing to move was moved")
	}
	if least, most := imbalance(after, keys); least != 0.75 || most != 1.5 {
		t.Errorf("from %v to %v, want from 0.75 to 1.5", least, most)
	}
	if least, most := imbalance(after, []string{"c"}); least != 0 || most != 3 {
		t.Errorf("one key: from %v to %v, want from 0 to 3", least, most)
	}
	if least, most := imbalance(after, nil); least != 1 || most != 1 {
		t.Errorf("no key: from %v to %v", least, most)
	}
}

func BenchmarkReplicas(b *testing.B) {
	for _, o := range []Options{{Partitioner: Ring}, {Partitioner: Modulo}, {Partitioner: Range, SplitPoints: splits(some(1000), 90)}} {
		b.Run(string(o.Partitioner), func(b *testing.B) {
			o.Nodes, o.Replication = names(5), 3
			p := must(b, o)
			b.ReportAllocs()
			for b.Loop() {
				p.Replicas("profile:42")
			}
		})
	}
}
