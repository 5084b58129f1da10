package suites_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/suites"
)

// TestRangePartitionsAtAnySpeed: the shares that range-partitions has thresholds of are reached with the first thirty keys, and with however many more a faster
// machine gets to, where keys are used equally often.
func TestRangePartitionsAtAnySpeed(t *testing.T) {
	text, err := suites.ByName("range-partitions")
	if err != nil {
		t.Fatal(err)
	}
	f, err := suite.Parse("range-partitions", text)
	if err != nil {
		t.Fatal(err)
	}
	hottest := map[string]float64{"ranged": 0.6, "hashed": 0.4}
	for name, bound := range hottest {
		options, ok := f.Targets[name]["options"].(map[string]any)
		if !ok {
			t.Fatalf("%s has no options", name)
		}
		of := placement.Options{Partitioner: placement.Ring, Nodes: []string{"n1", "n2", "n3", "n4", "n5"}, Replication: 3, VirtualNodes: placement.DefaultVirtualNodes}
		if fmt.Sprint(options["partitioner"]) == string(placement.Range) {
			of.Partitioner, of.SplitPoints = placement.Range, strings.Split(fmt.Sprint(options["split_points"]), "+")
		}
		p, err := placement.New(of)
		if err != nil {
			t.Fatal(err)
		}
		load := map[string]int{}
		for keys := 1; keys <= 5000; keys++ {
			load[p.Replicas(fmt.Sprintf("k%06d", keys-1))[0]]++
			if keys < 30 {
				continue
			}
			most := 0
			for _, n := range load {
				most = max(most, n)
			}
			share := float64(most) / float64(keys)
			if (share > bound) != (name == "ranged") {
				t.Errorf("%s, %d keys: the busiest shard has %.2f of them, the bound is %v", name, keys, share, bound)
			}
		}
	}
}
