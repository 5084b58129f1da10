package registry

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// TestViolationsComeByRank: the violations of a local model that are told of several keys are those that come first by their ranks, in
// that order, each with operations of its own key alone.
func TestViolationsComeByRank(t *testing.T) {
	h := forgetful(t)
	for _, name := range []string{"regular", "safe", "read-your-writes", "monotonic-reads", "bounded-staleness:1:1us", "linearizable"} {
		c, err := ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		all, err := c.Check(t.Context(), h, checkers.Budget{MaxViolations: 1000})
		if err != nil {
			t.Fatal(err)
		}
		const few = 7
		some, err := c.Check(t.Context(), h, checkers.Budget{MaxViolations: few})
		if err != nil {
			t.Fatal(err)
		}
		keys := map[string]bool{}
		for i := range all.Violations {
			v := &all.Violations[i]
			keys[v.Key] = true
			for _, op := range v.Ops {
				if got := h.KeyName(h.Mop(&h.Ops[op]).Key); got != v.Key {
					t.Errorf("%s: violation %d is on %s and has an operation on %s", name, i, v.Key, got)
				}
			}
		}
		if len(all.Violations) != all.Total || len(keys) < 5 || all.Total < few {
			t.Fatalf("%s: %d violations of %d on %d keys", name, len(all.Violations), all.Total, len(keys))
		}
		ranked := checkers.Told(checkers.Choose(slices.Clone(all.Violations), few, checkers.Itself), few, checkers.Itself)
		for i, want := range ranked {
			if got := some.Violations[i]; got.Rank != want.Rank || got.Sentence != want.Sentence || !slices.Equal(got.Ops, want.Ops) {
				t.Errorf("%s: violation %d of few is %q, want %q", name, i, got.Sentence, want.Sentence)
			}
		}
	}
}

// forgetful is a history of a store that now and then returns an older value, of ten keys that take turns.
func forgetful(t *testing.T) *history.History {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 1))
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent})
	was := map[history.Key][]history.Value{}
	for i := range 2000 {
		key := history.Key(rng.IntN(10))
		at := history.Time(i) * 10_000
		op := history.Op{Process: int32(i % 5), Session: int32(i % 5), Invoke: at, Complete: at + history.Time(1000+rng.IntN(8000)), Outcome: history.OK, Error: -1, Note: -1, Node: -1}
		m := history.Mop{Func: history.Write, Key: key, Arg: history.Value(i + 1)}
		if old := was[key]; rng.IntN(2) == 0 && len(old) > 0 {
			m = history.Mop{Func: history.Read, Key: key, Flags: history.Observed, Ret: old[len(old)-1]}
			if rng.IntN(20) == 0 {
				m.Ret = old[rng.IntN(len(old))]
			}
		} else {
			was[key] = append(old, m.Arg)
		}
		b.AddPlain(op, m)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}
