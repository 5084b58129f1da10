package leaderless

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/storage"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

// TestMergeIsWhatAllNodesHave goes through pages of nodes that hold different keys, in different versions and with tombstones, and compares what
// they give together with the largest records of all.
func TestMergeIsWhatAllNodesHave(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 0x11573))
		nodes := make([]map[string]record.Record, 1+rng.IntN(4))
		newest := map[string]record.Record{}
		for n := range nodes {
			nodes[n] = map[string]record.Record{}
			for range rng.IntN(12) {
				key := fmt.Sprint("k", rng.IntN(15))
				r := record.Record{Version: record.Version{Time: hlc.Timestamp(1 + rng.IntN(9)), Node: fmt.Sprint("n", n)}}
				if r.Tombstone = rng.IntN(3) == 0; !r.Tombstone {
					r.Value = []byte(fmt.Sprint(r.Version))
				}
				nodes[n][key] = r
			}
			for key, r := range nodes[n] {
				if r.Compare(newest[key]) > 0 {
					newest[key] = r
				}
			}
		}
		var want, got []string
		for _, key := range slices.Sorted(maps.Keys(newest)) {
			if newest[key].Live() {
				want = append(want, key+string(newest[key].Value))
			}
		}
		limit, after := 1+rng.IntN(5), ""
		for turn := 0; ; turn++ {
			if turn > 50 {
				t.Fatalf("seed %d: pages do not end", seed)
			}
			var pages []storage.Page
			for _, held := range nodes {
				var p storage.Page
				for _, key := range slices.Sorted(maps.Keys(held)) {
					switch {
					case key <= after:
					case len(p.Items) == limit:
						p.More = true
					default:
						p.Items = append(p.Items, storage.Item{Key: tenant.Scope("t", key), Record: held[key]})
					}
				}
				pages = append(pages, p)
			}
			page := merge(pages, limit)
			if len(page.Keys) > limit {
				t.Fatalf("seed %d: a page of %d has %d keys", seed, limit, len(page.Keys))
			}
			for _, k := range page.Keys {
				got = append(got, k.Key+string(k.Record.Value))
			}
			if !page.More {
				break
			}
			after = page.Last
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %q, want %q", seed, got, want)
		}
	}
}

// TestHideOthersKeepsWhatANodeHolds: of a key that has moved on, a node's backup has nothing, also while all of a page have; of one that is on its way it has what
// it had.
func TestHideOthersKeepsWhatANodeHolds(t *testing.T) {
	place := func(nodes []string) (placement.Placement, error) {
		return placement.New(placement.Options{Partitioner: placement.Range, Nodes: nodes, Replication: 1, VirtualNodes: placement.DefaultVirtualNodes, SplitPoints: []string{"b"}})
	}
	before := membership.First([]string{"n1"})
	moving := before.Begin([]string{"n1", "n2"}) // n1 keeps a, and b moves to n2
	for _, tc := range []struct {
		is     membership.State
		n1, n2 string
	}{
		{before, "ab", ""},
		{moving, "ab", "b"},
		{moving.Advance(), "ab", "b"},
		{moving.Advance().Advance(), "a", "b"},
	} {
		v, err := membership.NewView(tc.is, place)
		if err != nil {
			t.Fatal(err)
		}
		for node, want := range map[string]string{"n1": tc.n1, "n2": tc.n2} {
			page := storage.Page{More: true}
			for _, key := range []string{"a", "b"} {
				r := record.Record{Version: record.Version{Time: 1, Node: "n1"}, Value: []byte(key)}
				page.Items = append(page.Items, storage.Item{Key: key, Record: r})
			}
			hideOthers(page, v, node)
			out, got := merge([]storage.Page{page}, 10), ""
			for _, k := range out.Keys {
				got += k.Key
			}
			if got != want || !out.More || out.Last != "b" {
				t.Errorf("%s of %s: %q, want %q; goes on after %q: %t", node, tc.is, got, want, out.Last, out.More)
			}
		}
	}
}
