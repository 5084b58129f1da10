package registry

import (
	"context"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/measure"
	"github.com/lapse-test/lapse/history"
)

// BenchmarkBudget gives every model of registers a tenth of a second for a million
// operations, for which most need longer, and for keys that no search decides.
// None may take more than 250 ms longer (over-ms), and what it had not decided by
// then must be named.
func BenchmarkBudget(b *testing.B) {
	const limit = 100 * time.Millisecond
	for _, l := range []struct {
		name string
		load gen.Shape
	}{
		{"one-key", gen.Shape{Ops: 1e6, Clients: 20, Keys: 1, Writes: 0.4, Info: 0.05, Stale: true}},
		{"1000-keys", gen.Shape{Ops: 1e6, Clients: 50, Keys: 1000, Writes: 0.4, Info: 0.05, Single: true}},
		{"hard", gen.Shape{Ops: 30_000, Clients: 30, Keys: 3, Writes: 0.5, Values: 100}},
	} {
		h, err := l.load.History(1)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range All() {
			if c := e.New(); c.Applies(h) == nil && !together(c) {
				b.Run(l.name+"/"+e.Name, func(b *testing.B) { budget(b, c, h, checkers.Budget{Time: limit, Workers: 1}) })
			}
		}
	}
}

func budget(b *testing.B, c checkers.Checker, h *history.History, limit checkers.Budget) {
	measure.Budget(b, limit.Time, func() {
		v, err := c.Check(context.Background(), h, limit)
		if err != nil {
			b.Fatal(err)
		}
		if v.Status == checkers.Inconclusive && len(v.Reasons) == 0 {
			b.Fatalf("inconclusive without a reason: %+v", v)
		}
	})
}

// BenchmarkMemory reports by how many percent the searches go over the memory that
// they are given (over-%); what they take beside the search is the same for a
// history that needs none.
func BenchmarkMemory(b *testing.B) {
	h, err := gen.Shape{Ops: 30_000, Clients: 30, Keys: 1, Writes: 0.5, Values: 100}.History(1)
	if err != nil {
		b.Fatal(err)
	}
	const memory = 256 << 20
	for _, model := range []string{"linearizable"} {
		b.Run(model, func(b *testing.B) {
			c, err := ByName(model)
			if err != nil {
				b.Fatal(err)
			}
			over := 0.0
			for b.Loop() {
				var v checkers.Verdict
				grew := measure.Peak(func() { v, err = c.Check(context.Background(), h, checkers.Budget{Time: time.Minute, Memory: memory}) })
				if err != nil || len(v.Undecided) == 0 {
					b.Fatal(v.Status, err)
				}
				over = max(over, 100*(float64(grew)/memory-1))
			}
			b.ReportMetric(over, "over-%")
		})
	}
}

// together tells whether c decides isolation levels, which package txn measures.
func together(c checkers.Checker) bool {
	_, ok := c.(checkers.Together)
	return ok
}

// BenchmarkPeak reports the peak of the history and each check of it together, as
// a multiple of the history (memory-ratio): three at most.
func BenchmarkPeak(b *testing.B) {
	for _, l := range []struct {
		name string
		load gen.Shape
	}{
		{"one-key", gen.Shape{Ops: 300_000, Clients: 20, Keys: 1, Writes: 0.4, Info: 0.05, Stale: true}},
		{"300-keys", gen.Shape{Ops: 300_000, Clients: 20, Keys: 300, Writes: 0.4, Info: 0.05, Single: true}},
	} {
		h, err := l.load.History(1)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range All() {
			c := e.New()
			if c.Applies(h) != nil || together(c) {
				continue
			}
			b.Run(l.name+"/"+e.Name, func(b *testing.B) {
				peak := uint64(0)
				for b.Loop() {
					peak = max(peak, measure.Peak(func() { _, err = c.Check(context.Background(), h, checkers.Budget{Time: 3 * time.Second}) }))
				}
				if err != nil {
					b.Fatal(err)
				}
				size := float64(len(h.Ops)) * 96
				b.ReportMetric((size+float64(peak))/size, "memory-ratio")
			})
		}
	}
}
