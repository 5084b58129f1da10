package staleness

import (
	"context"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/measure"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/history"
)

// TestAgainstDefinition counts versions and time once more, directly.
func TestAgainstDefinition(t *testing.T) {
	stale := 0
	rounds := seeds.Choose(t, 2000)
	for seed := range rounds.All() {
		c := gen.Small(seed, seed%4 == 0)
		c.Ops, c.Stale, c.CAS = 12, 0.5, 0
		h, err := c.History(seed)
		if err != nil {
			t.Fatal(err)
		}
		set, err := register.Split(h, "test", false)
		if err != nil {
			t.Fatal(err)
		}
		m := newMeter(h, set)
		m.key(0)
		k := &m.k
		for _, s := range m.samples {
			var r register.Op
			for _, op := range k.Ops {
				if op.At == s.op {
					r = op
				}
			}
			since := register.Before
			for _, x := range k.Ops {
				if x.Installs() && x.Val == r.Val {
					since = max(since, x.Ret)
				}
			}
			versions, first := int32(0), history.Never
			for _, x := range k.Ops {
				if x.Installs() && x.Inv > since && x.Ret < r.Inv {
					versions++
					first = min(first, x.Ret)
				}
			}
			behind := history.Time(0)
			if versions > 0 {
				behind = r.Inv - first
				stale++
			}
			if s.versions != versions || s.behind != behind {
				t.Fatalf("seed %d: read %d is %d versions and %d behind, want %d and %d", seed, s.op, s.versions, s.behind, versions, behind)
			}
		}
	}
	if stale == 0 {
		t.Error("no read was stale")
	}
	t.Logf("%s: %d stale reads", rounds, stale)
}

// TestDelta checks delta against trying every time.
func TestDelta(t *testing.T) {
	found := 0
	for seed := range seeds.Choose(t, 800).All() {
		c := gen.Small(seed, false)
		c.Stale, c.CAS, c.Info = 0.5, 0, 0
		h, err := c.History(seed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := linearizable.Delta(context.Background(), h)
		if err != nil {
			t.Fatal(err)
		}
		want, bounded := history.Time(0), false
		for d := history.Time(0); d < 300 && !bounded; d++ {
			b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
			for i := range h.Ops {
				op := h.Ops[i]
				if h.Mop(&op).Func == history.Read {
					op.Invoke -= d
				}
				// Earlier starts overlap inside a process: give each its own.
				op.Process, op.Invoke = int32(i), op.Invoke+1000
				if op.Complete != history.Never {
					op.Complete += 1000
				}
				b.AddPlain(op, *h.Mop(&h.Ops[i]))
			}
			moved, err := b.History()
			if err != nil {
				t.Fatal(err)
			}
			v, err := linearizable.New(linearizable.Search).Check(context.Background(), moved, checkers.Budget{})
			if err != nil {
				t.Fatal(err)
			}
			want, bounded = d, v.Total == 0
		}
		if bounded != (got.Unbounded == 0) || bounded && got.Delta != want {
			t.Fatalf("seed %d: delta %d (%d keys unbounded), want %d (bounded=%v)", seed, got.Delta, got.Unbounded, want, bounded)
		}
		if bounded && want > 0 {
			found++
		}
	}
	if found == 0 {
		t.Error("delta was 0 everywhere")
	}
}

// TestReport builds a history whose staleness is known.
func TestReport(t *testing.T) {
	const ms = 1_000_000
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent, Levels: []string{"", "ONE", "QUORUM"}})
	add := func(process int32, from, to history.Time, level uint8, m history.Mop) {
		b.AddPlain(history.Op{Process: process, Session: process, Invoke: from, Complete: to, ReadLevel: level, WriteLevel: level,
			Outcome: history.OK, Error: -1, Note: -1, Node: -1}, m)
	}
	for i := range history.Time(100) {
		at := i * 100 * ms
		add(1, at, at+ms, 1, history.Mop{Func: history.Write, Arg: history.Value(i + 1)})
		v := history.Value(i + 1)
		if i%4 == 0 && i > 0 {
			v-- // one version behind, 10 ms after the acknowledgement
		}
		add(2, at+11*ms, at+12*ms, 1, history.Mop{Func: history.Read, Ret: v, Flags: history.Observed})
		add(3, at+51*ms, at+52*ms, 2, history.Mop{Func: history.Read, Ret: history.Value(i + 1), Flags: history.Observed})
	}
	b.AddFault(history.Fault{ID: 1, Name: "x", Injected: 0, TookEffect: 1, Healed: 1000 * ms})
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Measure(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	if rep.All.Reads != 200 || rep.All.Stale.N != 24 || rep.All.Versions.Max != 1 || rep.All.Time.Max != 10*ms || rep.Delta != 10*ms {
		t.Errorf("%+v", rep)
	}
	if len(rep.Groups) != 4 {
		t.Fatalf("%d groups, want 4: ONE and QUORUM, inside and outside", len(rep.Groups))
	}
	for _, g := range rep.Groups {
		if (g.Stale.N > 0) != (g.ReadLevel == "ONE") || g.WriteLevel != "ONE" {
			t.Errorf("%+v", g)
		}
		for _, p := range g.Visibility {
			if p.Missed.Low > p.Missed.P || p.Missed.High < p.Missed.P {
				t.Errorf("%+v", p)
			}
		}
	}
	if text, err := json.Marshal(rep); err != nil || len(text) == 0 {
		t.Error(err)
	}
	for bound, want := range map[Bound]int{{}: 24, {Versions: 1}: 0, {Time: 9 * time.Millisecond}: 24, {Time: 10 * time.Millisecond}: 0} {
		c, err := New(bound)
		if err != nil {
			t.Fatal(err)
		}
		v, err := c.Check(context.Background(), h, checkers.Budget{})
		if err != nil || v.Total != want {
			t.Errorf("%+v: %d reads beyond it, want %d (%v)", bound, v.Total, want, err)
		}
		for _, x := range v.Violations[:min(1, len(v.Violations))] {
			t.Log(x.Sentence)
			if x.Certified != "porcupine" || len(x.Ops) != 3 {
				t.Errorf("%+v", x)
			}
		}
	}
}

// TestWilson compares with known intervals (Wilson 1927; Newcombe 1998, table I).
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		n, of     int
		low, high float64
	}{
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
	} {
		s := Wilson(c.n, c.of)
		if math.Abs(s.Low-c.low) > 5e-5 || math.Abs(s.High-c.high) > 5e-5 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.n, c.of, s.Low, s.High, c.low, c.high)
		}
	}
}

// BenchmarkMillion times a million operations of 20 clients.
func BenchmarkMillion(b *testing.B) {
	h, err := gen.Shape{Ops: 1e6, Clients: 20, Keys: 1000, Writes: 0.4, Info: 0.05, Stale: true}.History(1)
	if err != nil {
		b.Fatal(err)
	}
	measure.Loop(b, func() {
		if _, err := Measure(context.Background(), h); err != nil {
			b.Fatal(err)
		}
	})
}
