package history

import (
	"bytes"
	"cmp"
	"slices"
	"testing"
)

// walked are the operations of o as InTime shows them, which counts and dates them as o says.
func walked(t testing.TB, o Ordered) *History {
	t.Helper()
	h := *o.About()
	var all batch
	must(t, o.InTime(func(some *History) {
		for i := range some.Ops {
			all.add(some.Ops[i], some.Mops(&some.Ops[i]), some.lists)
		}
	}))
	h.Ops, h.mops, h.lists = all.ops, all.mops, all.lists
	if o.Count() != len(h.Ops) || o.End() != h.End() {
		t.Fatalf("%d operations until %d were shown, of %d until %d", len(h.Ops), h.End(), o.Count(), o.End())
	}
	return &h
}

// TestOrderOfManyOperations: what is divided into more chunks than parts comes in the order of the whole, with operations
// that took so long that they stand far behind in the file, and others that were never answered.
func TestOrderOfManyOperations(t *testing.T) {
	b := NewBuilder(Header{Source: "test", Initial: Absent})
	for i := range 200_000 {
		op := Op{Process: int32(i % 50), Session: int32(i % 50), Invoke: Time(10 * i), Complete: Time(10*i + 400), Outcome: OK, Error: -1, Note: -1, Node: -1}
		if i%50 > 47 {
			op.Process = int32(50 + i)
			op.Complete = op.Invoke + Time(i)*3
		}
		if i%1000 == 49 {
			op.Complete, op.Outcome = Never, Info
		}
		b.AddPlain(op, Mop{Func: Write, Key: Key(i * i % 733), Arg: Value(i + 1)})
	}
	want, err := b.History()
	must(t, err)
	p := divided(t, want)
	identical(t, walked(t, p), walked(t, want))
}

// divided is h in parts on disk, as they come out of a file in which operations stand in the order of their completion.
func divided(t testing.TB, h *History) *Parts {
	t.Helper()
	arrived := *h
	arrived.Ops = slices.SortedStableFunc(slices.Values(h.Ops), func(x, y Op) int { return cmp.Compare(x.last(), y.last()) })
	var file bytes.Buffer
	must(t, EncodeText(&file, &arrived))
	p, err := Divide(&file, t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	return p
}
