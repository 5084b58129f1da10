package multileader

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// drawChange is a change of a map with few fields and contents, so that changes meet.
func drawChange(rng *rand.Rand) engine.FieldChange {
	by := engine.FieldChange{Field: fmt.Sprint("f", rng.IntN(3))}
	switch p := rng.IntN(12); {
	case p < 3:
		by.Type, by.Add = engine.Counter, []int64{-3, 1, 5}[rng.IntN(3)]
	case p < 8:
		by.Type, by.Content, by.Remove = engine.Set, fmt.Sprint("e", rng.IntN(3)), p > 6
	case p < 10:
		by.Type, by.Content = engine.Register, fmt.Sprint("v", rng.IntN(4))
	default:
		by.Drop = true
	}
	return by
}

// fieldsByOperations is a map by its operations alone, and by which of them each knew: what put something there counts unless one that knew of it
// has taken it out.
func fieldsByOperations(ops []operation, knew [][]int) []engine.Field {
	all := contents{}
	for i, op := range ops {
		if removes(op.by) {
			continue
		}
		e := entry{op.by.Field, op.by.Type, op.by.Content}
		if e.typ == engine.Counter {
			e.content = fmt.Sprint(op.by.Add)
		}
		taken := false
		for j, other := range ops {
			taken = taken || slices.Contains(knew[j], i) && replaces(other.by, e)
		}
		if !taken {
			all.put(e)
		}
	}
	return all.sorted()
}

// Replicas that are told of states in any order, any number of times, and of old ones too, are at each moment what the operations
// in those states make them, and are alike when they have all been told of all.
func TestMapsConvergeInAnyOrder(t *testing.T) {
	took, dropped := 0, 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 23))
		const replicas = 3
		type told struct {
			state state
			knows []int
		}
		now := make([]told, replicas)
		var ever []told // all that was ever sent
		var ops []operation
		var knew [][]int
		check := func(at int, when string) {
			t.Helper()
			slices.Sort(now[at].knows)
			var heard []operation
			var heardKnew [][]int
			for _, i := range now[at].knows {
				heard = append(heard, ops[i])
				var places []int
				for _, k := range knew[i] {
					n, _ := slices.BinarySearch(now[at].knows, k)
					places = append(places, n)
				}
				heardKnew = append(heardKnew, places)
			}
			if has, want := now[at].state.mapFields(), fieldsByOperations(heard, heardKnew); !reflect.DeepEqual(has, want) {
				t.Fatalf("seed %d, %s: replica %d has %+v, want %+v", seed, when, at, has, want)
			}
		}
		hear := func(at int, m told) {
			all := slices.Concat(now[at].knows, m.knows)
			slices.Sort(all)
			now[at] = told{now[at].state.join(m.state, flaws{}), slices.Compact(all)}
		}
		for range 60 {
			at := rng.IntN(replicas)
			if rng.IntN(2) == 0 && len(ever) > 0 {
				hear(at, ever[rng.IntN(len(ever))])
				check(at, "when it was told")
				continue
			}
			by := drawChange(rng)
			next, ok := now[at].state.Causal.changeField(fmt.Sprint("r", at), by)
			if !ok {
				continue
			}
			if by.Drop {
				dropped++
			}
			took++
			ops, knew = append(ops, operation{by: by}), append(knew, slices.Clone(now[at].knows))
			now[at] = told{state{Kind: kindCausal, Causal: next}, append(slices.Clone(now[at].knows), len(ops)-1)}
			check(at, "when it changed")
			ever = append(ever, now[at])
		}
		for at := range replicas {
			for _, n := range slices.Concat(rng.Perm(len(ever)), rng.Perm(len(ever))) {
				hear(at, ever[n])
			}
			check(at, "in the end")
			if !now[at].state.equal(now[0].state) {
				t.Fatalf("seed %d: in the end replicas 0 and %d differ: %+v, %+v", seed, at, now[0].state, now[at].state)
			}
		}
	}
	if took < 3000 || dropped < 300 {
		t.Errorf("only %d changes and %d removals of fields: nothing was tried", took, dropped)
	}
}

// What a removal of a field takes away, and what it leaves: pairs differ in whether it knew of the other change.
func TestRemovalOfAField(t *testing.T) {
	drop := engine.FieldChange{Field: "f", Drop: true}
	for name, put := range map[string]engine.FieldChange{
		"a counter":  {Field: "f", Type: engine.Counter, Add: 5},
		"a set":      {Field: "f", Type: engine.Set, Content: "x"},
		"a register": {Field: "f", Type: engine.Register, Content: "x"},
	} {
		for _, knows := range []bool{true, false} {
			first, _ := causal{}.changeField("a", put)
			other, _ := first.changeField("b", put) // a second change, elsewhere
			removes := first
			if knows {
				removes = other
			}
			removes, ok := removes.changeField("a", drop)
			if !ok {
				t.Fatalf("%s: there is nothing to remove", name)
			}
			after := other.join(removes).fields()
			if knows && len(after) > 0 || !knows && len(after) != 1 {
				t.Errorf("%s, which the removal knew of: %v: %+v", name, knows, after)
			}
			if !knows && put.Type == engine.Counter && after[0].Total != 5 {
				t.Errorf("of two increments by 5, of which one was removed, there is %+v", after)
			}
		}
	}
	if _, ok := (causal{}).changeField("a", drop); ok {
		t.Error("a field that is not there is removed")
	}
}

func TestEntries(t *testing.T) {
	for _, e := range []entry{{"f", engine.Counter, "-3"}, {"", engine.Set, ""}, {"a/b\x00ä", engine.Register, "x\xff"}} {
		if got, ok := entryOf(e.String()); !ok || got != e {
			t.Errorf("%+v is read as %+v, %v", e, got, ok)
		}
	}
	for _, text := range []string{"", "x", "\x01f", "\x01f\x09\x01x", entry{"f", engine.Set, "x"}.String() + "y"} {
		if got, ok := entryOf(text); ok {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

// With last-write-wins a map is written as a whole: of two fields that were written in two regions at once one is lost, with CRDTs none.
func TestMapsOfTwoRegions(t *testing.T) {
	for conflicts, want := range map[Conflicts]int{LastWriteWins: 1, CRDT: 2} {
		s := newSim(t, 1, 2, 2, conflicts)
		for _, n := range s.names {
			s.do(s.loops[n], &task{update: &engine.UpdateRequest{Type: engine.Map, Key: "a", By: engine.FieldChange{Field: n, Type: engine.Register, Content: "x"}}})
		}
		must(t, s.settle())
		for _, n := range s.names {
			if got := s.loops[n].e.get(spaceMap + "a").view(engine.Map).Fields; len(got) != want {
				t.Errorf("%s: %s has %+v, want %d fields", conflicts, n, got, want)
			}
		}
		s.close()
	}
}

// With last-write-wins each change does at one node what it does with CRDTs: the two differ in conflicts alone.
func TestOverwrittenMapsAreMaps(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 29))
		var c causal
		whole := []engine.Field{}
		for range 40 {
			by := drawChange(rng)
			next, ok := c.changeField("a", by)
			over, okOver := overwriteField(whole, by)
			if ok != okOver {
				t.Fatalf("seed %d: %+v on %+v: %v, and %v where it is overwritten", seed, by, whole, ok, okOver)
			}
			if !ok {
				continue
			}
			c, whole = next, over
			if !reflect.DeepEqual(c.fields(), whole) {
				t.Fatalf("seed %d: after %+v there is %+v, and %+v where it is overwritten", seed, by, c.fields(), whole)
			}
		}
	}
}
