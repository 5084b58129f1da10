package placement

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestCompareOfWhatIsKnown(t *testing.T) {
	before := must(t, Options{Partitioner: Range, Nodes: names(3), Replication: 2, SplitPoints: []string{"b", "c", "d"}})
	after := must(t, Options{Partitioner: Range, Nodes: names(4), Replication: 2, SplitPoints: []string{"b", "c", "d"}})
	// On 12 23 31 12, then on 12 23 34 41: c keeps one of two, and so does d; a majority of two is both.
	got := Compare(before, after, []string{"a", "b", "c", "d"})
	want := []NodeShare{{"n1", 3, 2, 0, 1}, {"n2", 3, 2, 0, 1}, {"n3", 2, 2, 0, 0}, {"n4", 0, 2, 2, 0}}
	if got.Keys != 4 || got.Changed != 2 || got.Bereft != 0 || got.Before != 8 || got.After != 8 || got.Moved != 2 || !slices.Equal(got.Nodes, want) {
		t.Errorf("%+v", got)
	}
	// One less: b stays.
	if got := Compare(before, after, []string{"a", "b"}); got.Changed != 0 || got.Moved != 0 || got.Bereft != 0 || got.Nodes[3] != (NodeShare{Node: "n4"}) {
		t.Errorf("%+v", got)
	}
}

// A majority is lost with two of three replicas, and with three of four, not two.
func TestCompareCountsLostMajorities(t *testing.T) {
	on := func(nodes ...string) Placement {
		return must(t, Options{Partitioner: Modulo, Nodes: nodes, Replication: len(nodes)})
	}
	for _, tc := range []struct {
		before, after Placement
		moved, bereft int
	}{
		{on("n1", "n2", "n3"), on("n1", "n2", "n3"), 0, 0},
		{on("n1", "n2", "n3"), on("n1", "n2", "n4"), 1, 0},
		{on("n1", "n2", "n3"), on("n1", "n4", "n5"), 2, 1},
		{on("n1", "n2", "n3"), on("n4", "n5", "n6"), 3, 1},
		{on("n1", "n2", "n3", "n4"), on("n1", "n2", "n5", "n6"), 2, 0},
		{on("n1", "n2", "n3", "n4"), on("n1", "n5", "n6", "n7"), 3, 1},
	} {
		if got := Compare(tc.before, tc.after, []string{"k"}); got.Moved != tc.moved || got.Bereft != tc.bereft {
			t.Errorf("from %v to %v: %+v, want %d moved, %d bereft", tc.before.Nodes(), tc.after.Nodes(), got, tc.moved, tc.bereft)
		}
	}
}

// Whatever changes, what nodes hold adds up; and on a ring only nodes that join take keys when none leaves, only nodes that leave give when none joins.
func TestCompareAddsUp(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 12))
	keys := some(2000)
	for range 60 {
		o := Options{Partitioner: Partitioners()[r.IntN(3)], Replication: 1 + r.IntN(3)}
		if o.Partitioner == Range {
			o.SplitPoints = splits(keys, 1+r.IntN(20))
		}
		all := names(12)
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		from, stay, join := all[:3+r.IntN(5)], 3, r.IntN(4)
		if r.IntN(2) == 0 {
			stay = len(from)
		}
		after := slices.Concat(from[:stay], all[len(from):len(from)+join])
		o.Nodes = from
		before := must(t, o)
		o.Nodes = after
		c := Compare(before, must(t, o), keys)
		var held, holds, takes, gives int
		for _, n := range c.Nodes {
			held, holds, takes, gives = held+n.Before, holds+n.After, takes+n.Takes, gives+n.Gives
			if n.After != n.Before+n.Takes-n.Gives {
				t.Errorf("seed %d: %+v does not add up", seed, n)
			}
			if !slices.Contains(from, n.Node) && n.Before+n.Gives != 0 || !slices.Contains(after, n.Node) && n.After+n.Takes != 0 {
				t.Errorf("seed %d: %+v is no member then", seed, n)
			}
			if o.Partitioner == Ring && (stay == len(from) && slices.Contains(from, n.Node) && n.Takes != 0 || join == 0 && slices.Contains(after, n.Node) && n.Gives != 0) {
				t.Errorf("seed %d: %v to %v: %+v moves more than the ring needs", seed, from, after, n)
			}
		}
		if want := len(keys) * o.Replication; held != want || holds != want || takes != gives || takes != c.Moved || c.Before != want || c.After != want ||
			c.Bereft > c.Changed || c.Changed > c.Moved {
			t.Errorf("seed %d: %+v", seed, c)
		}
	}
}

func TestLeastMoved(t *testing.T) {
	for _, tc := range []struct {
		before, after, joined, left int
		want                        float64
	}{{9, 10, 1, 0, 0.1}, {10, 9, 0, 1, 0.1}, {4, 4, 1, 1, 0.25}, {3, 4, 2, 1, 0.5}, {4, 3, 1, 2, 0.5}, {3, 3, 0, 0, 0}, {0, 1, 1, 0, 0}} {
		if got := LeastMoved(tc.before, tc.after, tc.joined, tc.left); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}
