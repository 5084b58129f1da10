package history

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPickedOperationsHaveTheirPlaces: what is picked out of a history on disk is what Subset takes out of it in memory, and
// each operation is found again where it was.
func TestPickedOperationsHaveTheirPlaces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	b := NewBuilder(Header{Source: "test", Initial: Absent})
	for i := range 20_000 {
		at := Time(i / 3 * 10) // three processes at a time have the same stamps
		b.AddPlain(Op{Process: int32(i % 3), Session: int32(i % 3), Invoke: at, Complete: at + Time(rng.IntN(9)), Outcome: OK, Error: -1, Note: -1, Node: -1}, Mop{Func: Write, Key: Key(rng.IntN(99)), Arg: Value(i + 1)})
	}
	h, err := b.History()
	must(t, err)
	p := divided(t, h)
	for range 20 {
		var want []int
		for range rng.IntN(300) {
			want = append(want, rng.IntN(len(h.Ops)))
		}
		slices.Sort(want)
		want = slices.Compact(want)
		in := func(i int, _ *Op) bool { _, ok := slices.BinarySearch(want, i); return ok }
		for _, o := range []Ordered{h, p} {
			got, places, err := Pick(o, in)
			must(t, err)
			identical(t, got, h.Subset(want))
			again, err := Places(o, got)
			must(t, err)
			if !slices.Equal(places, want) || !slices.Equal(again, want) {
				t.Fatalf("%T: picked %v, found at %v, expected %v", o, places, again, want)
			}
		}
	}
	var other History
	other.Ops, other.mops = []Op{{Invoke: 5, Complete: 6, mopLen: 1}}, []Mop{{Func: Read}}
	if got, err := Places(p, &other); err != nil || got[0] != -1 {
		t.Errorf("an operation of another history is at %v, %v", got, err)
	}
}
