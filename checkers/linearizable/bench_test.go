package linearizable

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/measure"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

func load(b *testing.B, c gen.Shape) *history.History {
	b.Helper()
	h, err := c.History(1)
	if err != nil {
		b.Fatal(err)
	}
	return h
}

// BenchmarkMillion is the budget of the zones algorithm: a million operations of
// 20 clients, unique values, 5 % without an answer, in under 0.3 s, with the
// history and the check together under three times the history's memory
// (memory-ratio).
func BenchmarkMillion(b *testing.B) {
	for _, c := range []struct {
		name string
		load gen.Shape
	}{
		{"one-key/legal", gen.Shape{Ops: 1e6, Clients: 20, Keys: 1, Writes: 0.4, Info: 0.05}},
		{"one-key/illegal", gen.Shape{Ops: 1e6, Clients: 20, Keys: 1, Writes: 0.4, Info: 0.05, Stale: true}},
		{"one-key-cas/legal", gen.Shape{Ops: 1e6, Clients: 20, Keys: 1, Writes: 0.2, CAS: 0.2, Info: 0.05}},
		{"one-key-blind-cas/legal", gen.Shape{Ops: 1e6, Clients: 20, Keys: 1, Writes: 0.2, CAS: 0.2, Info: 0.05, Blind: 1}},
		{"5000-keys/legal", gen.Shape{Ops: 1e6, Clients: 20, Keys: 5000, Writes: 0.4, Info: 0.05}},
		{"5000-keys/illegal", gen.Shape{Ops: 1e6, Clients: 20, Keys: 5000, Writes: 0.4, Info: 0.05, Stale: true}},
	} {
		b.Run(c.name, func(b *testing.B) { benchmark(b, c.load) })
	}
}

// BenchmarkTenMillion has the budget of 4 s.
func BenchmarkTenMillion(b *testing.B) {
	benchmark(b, gen.Shape{Ops: 1e7, Clients: 20, Keys: 1, Writes: 0.4, Info: 0.05})
}

func benchmark(b *testing.B, c gen.Shape) {
	h := load(b, c)
	var v checkers.Verdict
	run := func() {
		var err error
		if v, err = New(Auto).Check(context.Background(), h, checkers.Budget{}); err != nil {
			b.Fatal(err)
		}
	}
	grew := measure.Peak(run)
	measure.Loop(b, run)
	if want := c.Stale; (v.Status == checkers.Violated) != want || len(v.Undecided) > 0 {
		b.Fatalf("%s, want violated=%v", v.Status, want)
	}
	size := float64(len(h.Ops)) * 96
	b.ReportMetric((size+float64(grew))/size, "memory-ratio")
	b.ReportMetric(float64(len(h.Ops))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mops/s")
}

// BenchmarkAgainstPorcupine prints how many times faster the same histories are
// decided, measured in one run, in processor time, which other work on the machine
// lengthens least.
func BenchmarkAgainstPorcupine(b *testing.B) {
	for _, c := range []struct {
		name   string
		engine Engine
		load   gen.Shape
	}{
		{"unique/5-clients-10k", Auto, gen.Shape{Ops: 10000, Clients: 5, Keys: 1, Writes: 0.3}},
		{"unique/10-clients-10k", Auto, gen.Shape{Ops: 10000, Clients: 10, Keys: 1, Writes: 0.3}},
		{"unique-searched/10-clients-10k", Search, gen.Shape{Ops: 10000, Clients: 10, Keys: 1, Writes: 0.3}},
		{"5-values/10-clients-10k", Auto, gen.Shape{Ops: 10000, Clients: 10, Keys: 1, Writes: 0.3, CAS: 0.1, Values: 5}},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := load(b, c.load)
			var k register.Key
			split(b, h).Load(0, &k)
			ops := operations(h, &k, everything(&k), nil)
			from := measure.Processor()
			res := porcupine.CheckOperationsTimeout(plainModel(), ops, time.Minute)
			theirs := measure.Processor() - from
			from = measure.Processor()
			b.ResetTimer()
			for b.Loop() {
				if v, err := New(c.engine).Check(context.Background(), h, checkers.Budget{}); err != nil || v.Status != checkers.Held {
					b.Fatal(v.Status, err)
				}
			}
			ours := (measure.Processor() - from).Seconds() / float64(b.N)
			if res == porcupine.Illegal {
				b.Fatal("porcupine disagrees")
			}
			b.ReportMetric(ours*1000, "ours-ms")
			b.ReportMetric(theirs.Seconds()*1000, "porcupine-ms")
			b.ReportMetric(theirs.Seconds()/ours, "times-faster")
		})
	}
}

// plainModel is the leanest model of the same register for Porcupine, without
// our polling, so that the comparison is fair.
func plainModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return register.Initial },
		Step: func(state, in, _ any) (bool, any) { return stepModel(nil, in.(call), state.(int32)) },
	}
}

// BenchmarkSearch is the general search where nothing is known about values, and
// with the knowledge that they are unique left unused: 20 clients and 10,000
// operations on one key in under a second.
func BenchmarkSearch(b *testing.B) {
	for _, c := range []gen.Shape{
		{Ops: 10000, Clients: 20, Keys: 1, Writes: 0.3},
		{Ops: 10000, Clients: 20, Keys: 1, Writes: 0.3, Stale: true},
		{Ops: 10000, Clients: 20, Keys: 1, Writes: 0.3, CAS: 0.1, Values: 5},
		{Ops: 10000, Clients: 20, Keys: 1, Writes: 0.5, Values: 1000},
		{Ops: 50000, Clients: 10, Keys: 1, Writes: 0.3},
		{Ops: 50000, Clients: 20, Keys: 1, Writes: 0.3},
	} {
		b.Run(fmt.Sprintf("%d-clients/%d-ops/%d-values/stale=%v", c.Clients, c.Ops, c.Values, c.Stale), func(b *testing.B) {
			h := load(b, c)
			var k register.Key
			split(b, h).Load(0, &k)
			var s searcher
			var got outcome
			measure.Loop(b, func() { got = s.run(h, &k, limits{stop: never}) })
			if (got == illegal) != c.Stale {
				b.Fatal(got)
			}
			b.ReportMetric(float64(s.memo.n), "configurations")
		})
	}
}
