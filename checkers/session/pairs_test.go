package session

import (
	"context"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/measure"
	"github.com/lapse-test/lapse/history"
)

type op struct {
	s, node  int32
	from, to history.Time // to 0: no answer
	f        history.Func
	v        history.Value
}

const (
	absent = history.Absent
	ms     = 1_000_000
)

func build(t *testing.T, ops []op) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "test", Initial: absent, Nodes: []string{"n1", "n2", "n3"}, Levels: []string{"", "1"}})
	for range 4 {
		b.Key("spare") // so that the key under test is k4 by name
	}
	k := b.Key("k4")
	for i, o := range ops {
		m := history.Mop{Func: o.f, Arg: o.v, Key: k}
		r := history.Op{Session: o.s, Process: int32(i), Invoke: o.from, Complete: o.to, Outcome: history.OK,
			Node: int16(o.node - 1), ReadLevel: 1, WriteLevel: 1, Error: -1, Note: -1}
		if o.f == history.Read {
			m.Ret, m.Arg = o.v, 0
			m.Flags |= history.Observed
		}
		if o.to == 0 {
			r.Complete, r.Outcome = history.Never, history.Info
		}
		b.AddPlain(r, m)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestPairs holds histories that differ in one operation.
func TestPairs(t *testing.T) {
	const (
		R = history.Read
		W = history.Write
		D = history.Delete
	)
	for _, c := range []struct {
		name, model string
		common      []op
		good, bad   op
		sentence    string
		witness     int
	}{
		{
			name: "an older value", model: ReadYourWrites,
			common:   []op{{1, 1, 1 * ms, 2 * ms, W, 97}, {3, 1, 3 * ms, 4 * ms, W, 118}},
			good:     op{3, 3, 32 * ms, 33 * ms, R, 118},
			bad:      op{3, 3, 32 * ms, 33 * ms, R, 97},
			sentence: "session 3 wrote 118 to k4 via n1 at W=1, and 28 ms later read 97 from n3 at R=1, which had already been overwritten",
			witness:  3,
		},
		{
			name: "somebody else's read may be stale", model: ReadYourWrites,
			common:  []op{{1, 1, 1 * ms, 2 * ms, W, 97}, {3, 1, 3 * ms, 4 * ms, W, 118}},
			good:    op{2, 3, 32 * ms, 33 * ms, R, 97},
			bad:     op{3, 3, 32 * ms, 33 * ms, R, 97},
			witness: 3,
		},
		{
			name: "a concurrent write may be the newer one", model: ReadYourWrites,
			common:  []op{{3, 1, 3 * ms, 4 * ms, W, 118}, {3, 3, 32 * ms, 33 * ms, R, 97}},
			good:    op{1, 1, 1 * ms, 3 * ms, W, 97},
			bad:     op{1, 1, 1 * ms, 2 * ms, W, 97},
			witness: 3,
		},
		{
			name: "the initial value", model: ReadYourWrites,
			common:   []op{{3, 1, 3 * ms, 4 * ms, W, 118}},
			good:     op{2, 3, 32 * ms, 33 * ms, R, absent},
			bad:      op{3, 3, 32 * ms, 33 * ms, R, absent},
			sentence: "session 3 wrote 118 to k4 via n1 at W=1, and 28 ms later read nothing (key not found) from n3 at R=1, as before the first write",
			witness:  2,
		},
		{
			name: "deletes explain absence", model: ReadYourWrites,
			common:  []op{{3, 1, 3 * ms, 4 * ms, W, 118}, {3, 3, 32 * ms, 33 * ms, R, absent}},
			good:    op{2, 3, 4 * ms, 5 * ms, D, 0},
			bad:     op{2, 3, 1 * ms, 2 * ms, D, 0},
			witness: 3,
		},
		{
			name: "a write without an answer may come late", model: ReadYourWrites,
			common:  []op{{1, 1, 1 * ms, 2 * ms, W, 97}, {3, 3, 32 * ms, 33 * ms, R, 97}},
			good:    op{3, 1, 3 * ms, 0, W, 118},
			bad:     op{3, 1, 3 * ms, 4 * ms, W, 118},
			witness: 3,
		},
		{
			name: "others agree that the own write is the newer one", model: ReadYourWrites,
			// 97 and 118 are concurrent; session 3 reads 97 after its 118, so 118
			// comes first; session 1 must not then read 118 after its 97.
			common:  []op{{1, 1, 1 * ms, 5 * ms, W, 97}, {3, 1, 2 * ms, 4 * ms, W, 118}, {3, 3, 6 * ms, 7 * ms, R, 97}},
			good:    op{1, 2, 8 * ms, 9 * ms, R, 97},
			bad:     op{1, 2, 8 * ms, 9 * ms, R, 118},
			witness: 4,
		},
		{
			name: "others agree, and deletes of which one was seen", model: ReadYourWrites,
			common: []op{{1, 1, 1 * ms, 5 * ms, W, 97}, {3, 1, 2 * ms, 4 * ms, W, 118}, {3, 3, 6 * ms, 7 * ms, R, 97},
				{2, 1, 10 * ms, 11 * ms, D, 0}, {2, 1, 12 * ms, 13 * ms, R, absent}, {2, 1, 14 * ms, 15 * ms, D, 0}},
			good:    op{1, 2, 8 * ms, 9 * ms, R, 97},
			bad:     op{1, 2, 8 * ms, 9 * ms, R, 118},
			witness: 4,
		},
		{
			name: "to and fro, and deletes of which one was seen", model: MonotonicReads,
			common: []op{{1, 1, 1 * ms, 9 * ms, W, 97}, {2, 1, 1 * ms, 9 * ms, W, 118},
				{3, 2, 2 * ms, 3 * ms, R, 97}, {3, 2, 4 * ms, 5 * ms, R, 118},
				{2, 1, 10 * ms, 11 * ms, D, 0}, {2, 1, 12 * ms, 13 * ms, R, absent}, {2, 1, 14 * ms, 15 * ms, D, 0}},
			good:    op{3, 2, 6 * ms, 7 * ms, R, 118},
			bad:     op{3, 2, 6 * ms, 7 * ms, R, 97},
			witness: 5,
		},
		{
			name: "back in time", model: MonotonicReads,
			common:   []op{{1, 1, 1 * ms, 2 * ms, W, 97}, {1, 1, 3 * ms, 4 * ms, W, 118}, {3, 2, 5 * ms, 6 * ms, R, 118}},
			good:     op{3, 3, 7 * ms, 8 * ms, R, 118},
			bad:      op{3, 3, 7 * ms, 8 * ms, R, 97},
			sentence: "session 3 read 118 of k4 from n2 at R=1, and 1 ms later read 97 from n3 at R=1, which had already been overwritten",
			witness:  4,
		},
		{
			name: "back to nothing", model: MonotonicReads,
			common:   []op{{1, 1, 1 * ms, 2 * ms, W, 97}, {3, 2, 5 * ms, 6 * ms, R, 97}},
			good:     op{2, 3, 7 * ms, 8 * ms, R, absent},
			bad:      op{3, 3, 7 * ms, 8 * ms, R, absent},
			sentence: "session 3 read 97 of k4 from n2 at R=1, and 1 ms later read nothing (key not found) from n3 at R=1, as before the first write",
			witness:  3,
		},
		{
			name: "to and fro between concurrent writes", model: MonotonicReads,
			common: []op{{1, 1, 1 * ms, 9 * ms, W, 97}, {2, 1, 1 * ms, 9 * ms, W, 118},
				{3, 2, 2 * ms, 3 * ms, R, 97}, {3, 2, 4 * ms, 5 * ms, R, 118}},
			good:    op{3, 2, 6 * ms, 7 * ms, R, 118},
			bad:     op{3, 2, 6 * ms, 7 * ms, R, 97},
			witness: 5,
		},
	} {
		t.Run(c.model+"/"+c.name, func(t *testing.T) {
			check := func(last op) checkers.Verdict {
				v, err := New(c.model).Check(context.Background(), build(t, append(c.common[:len(c.common):len(c.common)], last)), checkers.Budget{})
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			if v := check(c.good); v.Total != 0 {
				t.Errorf("a false alarm: %s", v.Violations[0].Sentence)
			}
			v := check(c.bad)
			if v.Total != 1 || v.Status != checkers.Violated {
				t.Fatalf("found %d violations (%s)", v.Total, v.Status)
			}
			x := v.Violations[0]
			t.Log(x.Sentence)
			if c.sentence != "" && x.Sentence != c.sentence {
				t.Errorf("sentence\n got %s\nwant %s", x.Sentence, c.sentence)
			}
			if len(x.Ops) != c.witness || x.Certified != "porcupine" || len(x.Steps) == 0 {
				t.Errorf("a witness of %d operations, certified by %q, with %d steps", len(x.Ops), x.Certified, len(x.Steps))
			}
		})
	}
}

// TestEvidence checks what is counted.
func TestEvidence(t *testing.T) {
	h := build(t, []op{
		{1, 1, 1 * ms, 2 * ms, history.Write, 97}, {1, 1, 3 * ms, 4 * ms, history.Read, 97},
		{2, 1, 5 * ms, 6 * ms, history.Read, 97}, {1, 2, 7 * ms, 8 * ms, history.Read, 97},
	})
	h.Faults = []history.Fault{{ID: 1, Name: "x", Injected: 5 * ms, TookEffect: 5 * ms, Healed: 6 * ms}}
	v, err := New(ReadYourWrites).Check(context.Background(), h, checkers.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	if e := v.Evidence; v.Status != checkers.Held || e.AtRisk != 2 || e.DuringFaults != 1 || e.Bad != 0 || e.Reads != 3 || e.Writes != 1 {
		t.Errorf("%s with %+v", v.Status, e)
	}
	empty := build(t, []op{{1, 1, 1, 2, history.Write, 97}, {2, 1, 5, 6, history.Read, 97}})
	if v, err := New(ReadYourWrites).Check(context.Background(), empty, checkers.Budget{}); err != nil || v.Status != checkers.Inconclusive || len(v.Reasons) != 1 {
		t.Errorf("without evidence: %s %v %v", v.Status, v.Reasons, err)
	}
}

// BenchmarkMillion is the budget of the session guarantees: a million operations
// of 20 sessions in 0.5 s.
func BenchmarkMillion(b *testing.B) {
	for _, c := range []struct {
		name string
		load gen.Shape
	}{
		{"session-workload", gen.Shape{Ops: 1e6, Clients: 20, Keys: 200, Writes: 0.5, Info: 0.05, Single: true}},
		{"one-key", gen.Shape{Ops: 1e6, Clients: 20, Keys: 1, Writes: 0.4, Info: 0.05}},
		{"5000-keys", gen.Shape{Ops: 1e6, Clients: 20, Keys: 5000, Writes: 0.4, Info: 0.05, Stale: true}},
	} {
		h, err := c.load.History(1)
		if err != nil {
			b.Fatal(err)
		}
		for _, model := range checkers.NamesOf(Models()) {
			b.Run(c.name+"/"+model, func(b *testing.B) {
				measure.Loop(b, func() {
					if _, err := New(model).Check(context.Background(), h, checkers.Budget{}); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}
