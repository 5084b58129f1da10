package set

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

// observedRemove runs an observed-remove set of two or three replicas, which tell each other what they know now and then: an add has a tag of its own, a
// removal takes away the tags of the element that its replica knows, and fails where there is none. Few elements, so that several replicas add the same.
func observedRemove(seed uint64) []exhaust.Op {
	type replica struct{ tags, gone map[int]history.Value }
	rng := rand.New(rand.NewPCG(seed, 0x0125))
	var sets []replica
	for range 2 + rng.IntN(2) {
		sets = append(sets, replica{map[int]history.Value{}, map[int]history.Value{}})
	}
	tell := func(to, from replica) {
		maps.Copy(to.tags, from.tags)
		maps.Copy(to.gone, from.gone)
		maps.DeleteFunc(to.tags, func(tag int, _ history.Value) bool { _, gone := to.gone[tag]; return gone })
	}
	var ops []exhaust.Op
	for i := range 3 + rng.IntN(8) {
		if rng.IntN(2) == 0 {
			tell(sets[rng.IntN(len(sets))], sets[rng.IntN(len(sets))])
		}
		s := rng.IntN(len(sets))
		at := history.Time(3 * i)
		v := history.Value(1 + rng.IntN(2))
		o := exhaust.Op{S: int32(s), From: at, To: at + history.Time(1+rng.IntN(2)), Mops: []exhaust.M{{F: history.Add, A: v}}}
		if rng.IntN(3) > 0 {
			sets[s].tags[i] = v
		} else {
			o.Mops[0].F, o.Fail = history.Remove, true
			for tag, w := range sets[s].tags {
				if w == v {
					o.Fail = false
					sets[s].gone[tag] = v
					delete(sets[s].tags, tag)
				}
			}
		}
		ops = append(ops, o)
	}
	for _, from := range sets {
		for _, to := range sets {
			tell(to, from)
		}
	}
	for _, from := range sets { // the removals that the last one heard of too
		for _, to := range sets {
			tell(to, from)
		}
	}
	for s := range sets {
		ops = append(ops, readOp(int32(s), 100, 101, slices.Compact(slices.Sorted(maps.Values(sets[s].tags)))...))
	}
	return ops
}

// TestSoundOnObservedRemoveSets: a set that does what an observed-remove set does is never blamed, whatever its replicas had heard of when they were asked.
func TestSoundOnObservedRemoveSets(t *testing.T) {
	rounds, held := seeds.Choose(t, 6000), 0
	for seed := range rounds.All() {
		h := exhaust.Build(t, nil, observedRemove(seed)...)
		v, err := NewEventual().Check(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		if v.Status == checkers.Violated {
			t.Fatalf("seed %d: %s\n%s", seed, v.Violations[0].Sentence, exhaust.Show(h))
		}
		if v.Status == checkers.Held {
			held++
		}
	}
	if t.Logf("%s: %d held", rounds, held); held < int(rounds.N)/20 {
		t.Error("hardly a history decided anything")
	}
}
