package history

import (
	"cmp"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestIndexes compares the flat indexes with maps.
func TestIndexes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := genHistory(t)
		keys := map[Key][]MopRef{}
		sessions, processes := map[int32][]int32{}, map[int32][]int32{}
		for i := range h.Ops {
			op := &h.Ops[i]
			for j, m := range h.Mops(op) {
				keys[m.Key] = append(keys[m.Key], MopRef{int32(i), int32(j)})
				if got := h.At(MopRef{int32(i), int32(j)}); !reflect.DeepEqual(*got, m) {
					t.Fatalf("At(%d, %d) is %+v, want %+v", i, j, *got, m)
				}
			}
			sessions[op.Session] = append(sessions[op.Session], int32(i))
			processes[op.Process] = append(processes[op.Process], int32(i))
		}
		byKey := h.ByKey()
		if byKey.Len() != len(keys) {
			t.Fatalf("%d keys, want %d", byKey.Len(), len(keys))
		}
		before := Key(-1)
		for i := range byKey.Len() {
			k, refs := byKey.At(i)
			if k <= before {
				t.Fatalf("key %d stands after %d", k, before)
			}
			before = k
			if !slices.Equal(refs, keys[k]) || !slices.Equal(byKey.Of(k), keys[k]) {
				t.Fatalf("key %d: %v and %v, want %v", k, refs, byKey.Of(k), keys[k])
			}
		}
		absent := Key(rapid.Int32Range(0, 10).Draw(t, "absent"))
		if _, ok := keys[absent]; !ok && byKey.Of(absent) != nil {
			t.Fatalf("key %d does not occur, and has %v", absent, byKey.Of(absent))
		}
		checkOps(t, h.BySession(), sessions)
		checkOps(t, h.ByProcess(), processes)
	})
}

func checkOps(t *rapid.T, x *OpIndex, want map[int32][]int32) {
	if x.Len() != len(want) {
		t.Fatalf("%d numbers, want %d", x.Len(), len(want))
	}
	for i := range x.Len() {
		id, ops := x.At(i)
		if !slices.Equal(ops, want[id]) || !slices.Equal(x.Of(id), want[id]) {
			t.Fatalf("%d: %v and %v, want %v", id, ops, x.Of(id), want[id])
		}
	}
}

func TestSubset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := genHistory(t)
		if len(h.Ops) == 0 {
			return
		}
		picked := rapid.SliceOf(rapid.IntRange(0, len(h.Ops)-1)).Draw(t, "ops")
		given := slices.Clone(picked)
		s := h.Subset(picked)
		if !slices.Equal(picked, given) {
			t.Fatalf("Subset changed its argument")
		}
		want := slices.Compact(slices.Sorted(slices.Values(picked)))
		lines, got := normal(h), normal(s)
		first := len(lines) - len(h.Ops)
		if len(s.Ops) != len(want) {
			t.Fatalf("%d operations, want %d", len(s.Ops), len(want))
		}
		for i, at := range want {
			if got[first+i] != lines[first+at] {
				t.Fatalf("operation %d is\n%s\nwant\n%s", i, got[first+i], lines[first+at])
			}
		}
	})
}

// TestSort compares the sorting by runs, and that of histories without a clock, with the
// library's.
func TestSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "n")
		ops := make([]Op, n)
		wide := rapid.SampledFrom([]int64{0, 2, 20, 1000}).Draw(t, "wide")
		long := rapid.SampledFrom([]int64{0, 3}).Draw(t, "long")
		for i := range ops {
			ops[i] = Op{
				Invoke: Time(rapid.Int64Range(0, wide).Draw(t, "invoke")), Process: rapid.Int32Range(0, 2).Draw(t, "process"),
				Complete: Time(rapid.Int64Range(0, long).Draw(t, "complete")),
				Session:  int32(i), // tells equals apart
			}
		}
		want := slices.Clone(ops)
		slices.SortStableFunc(want, func(x, y Op) int {
			return cmp.Or(cmp.Compare(x.Invoke, y.Invoke), cmp.Compare(x.Process, y.Process), cmp.Compare(x.Complete, y.Complete))
		})
		var s opSorter
		s.sort(ops)
		s.sort(ops)
		if !reflect.DeepEqual(ops, want) {
			t.Fatalf("got  %v\nwant %v", ops, want)
		}
	})
}

func TestFaultsAt(t *testing.T) {
	b := NewBuilder(Header{})
	b.AddFault(Fault{ID: 2, Injected: 50})
	b.AddFault(Fault{ID: 1, Injected: 10, TookEffect: 12, Healed: 60})
	b.AddFault(Fault{ID: 3, Injected: 70, TookEffect: 71, Healed: 80})
	h, err := b.History()
	must(t, err)
	for _, c := range []struct {
		at     Time
		ids    []int
		during bool
	}{
		{9, nil, false}, {10, []int{1}, true}, {49, []int{1}, true}, {50, []int{1, 2}, true}, {60, []int{1, 2}, true},
		{61, []int{2}, false}, {70, []int{2, 3}, true}, {81, []int{2}, false},
	} {
		if got := h.FaultsAt(c.at); !slices.Equal(got, c.ids) {
			t.Errorf("at %d: faults %v, want %v", c.at, got, c.ids)
		}
		if got := h.FaultAt(c.at); got != c.during {
			t.Errorf("at %d: %v, want %v", c.at, got, c.during)
		}
	}
}
