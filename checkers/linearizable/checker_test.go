package linearizable

import (
	"context"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

func check(t *testing.T, e Engine, h *history.History) checkers.Verdict {
	t.Helper()
	v, err := New(e).Check(context.Background(), h, checkers.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVerdictsAndWitnesses compares the verdicts of all engines with brute force
// on small histories of two keys, and refutes every witness again.
func TestVerdictsAndWitnesses(t *testing.T) {
	rounds := seeds.Choose(t, 3000)
	anomalies := map[string]int{}
	for seed := range rounds.All() {
		c := gen.Small(seed, seed%3 == 0)
		c.Keys = 1 + int(seed%2)
		h, err := c.History(seed)
		if err != nil {
			t.Fatal(err)
		}
		set := split(t, h)
		bad := 0
		for i := range set.Keys {
			var k register.Key
			set.Load(i, &k)
			if !brute.Linearizable(k.Ops) {
				bad++
			}
		}
		engines := []Engine{Auto}
		if seed%10 == 0 {
			engines = []Engine{Auto, Search, Porcupine}
		}
		for _, e := range engines {
			v := check(t, e, h)
			if v.Total != bad || len(v.Violations) != bad || len(v.Undecided) != 0 {
				t.Fatalf("seed %d: %s refutes %d keys (%d undecided), brute force %d\n%s", seed, e, v.Total, len(v.Undecided), bad, dump(h))
			}
			for _, x := range v.Violations {
				anomalies[x.Anomaly]++
				if x.Certified != "porcupine" {
					t.Errorf("seed %d: %s: not certified: %s\n%s", seed, e, x.Sentence, dump(h))
				}
				if x.Sentence == "" || len(x.Steps) == 0 {
					t.Errorf("seed %d: %s: incomplete: %+v", seed, e, x)
				}
				if len(x.Ops) > 6 && e == Auto && seed%3 != 0 {
					t.Logf("seed %d: a witness of %d operations: %s", seed, len(x.Ops), x.Sentence)
				}
			}
		}
	}
	t.Logf("%s: %v", rounds, anomalies)
	for _, a := range []string{"stale read", "new-old inversion", "thin-air read", "future read", "lost update"} {
		if anomalies[a] == 0 {
			t.Errorf("no history showed a %s", a)
		}
	}
}

// op is one line of a table test.
type op struct {
	s        int32
	from, to history.Time // to 0: no answer
	f        history.Func
	v, e     history.Value
	failed   bool
}

const absent = history.Absent

func build(t *testing.T, ops ...op) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "test", Initial: absent, Nodes: []string{"n1", "n2", "n3"}, Levels: []string{"", "1"}})
	processes := map[int32]int32{}
	for _, o := range ops {
		m := history.Mop{Func: o.f, Arg: o.v, Expect: o.e}
		r := history.Op{Session: o.s, Process: o.s + 100*processes[o.s], Invoke: o.from, Complete: o.to, Outcome: history.OK,
			Node: int16(o.s-1) % 3, ReadLevel: 1, WriteLevel: 1, Error: -1, Note: -1}
		if o.f == history.Read {
			m.Ret, m.Arg = o.v, 0
			m.Flags |= history.Observed
		}
		if o.to == 0 {
			r.Complete, r.Outcome = history.Never, history.Info
			processes[o.s]++
		}
		if o.failed {
			r.Outcome = history.Fail
			if o.f == history.CAS {
				m.Flags |= history.Mismatched
			}
		}
		b.AddPlain(r, m)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const ms = 1_000_000

// TestPairs holds legal and illegal histories that differ in one operation.
func TestPairs(t *testing.T) {
	const (
		R = history.Read
		W = history.Write
		C = history.CAS
		D = history.Delete
	)
	for _, c := range []struct {
		name     string
		common   []op
		good     op
		bad      op
		anomaly  string
		sentence string
		witness  int
		legal    string
	}{
		{
			name:     "stale read of another session",
			common:   []op{{1, 1 * ms, 2 * ms, W, 97, 0, false}, {3, 3 * ms, 4 * ms, W, 118, 0, false}},
			good:     op{2, 32 * ms, 33 * ms, R, 118, 0, false},
			bad:      op{2, 32 * ms, 33 * ms, R, 97, 0, false},
			anomaly:  "stale read",
			sentence: "session 3 wrote 118 to k0 via n3 at W=1, and 28 ms later session 2 read 97 from n2 at R=1, which had already been overwritten",
			witness:  3, legal: "118",
		},
		{
			name:     "stale read of the same session",
			common:   []op{{1, 1 * ms, 2 * ms, W, 97, 0, false}, {3, 3 * ms, 4 * ms, W, 118, 0, false}},
			good:     op{3, 4 * ms, 33 * ms, R, 118, 0, false},
			bad:      op{3, 5 * ms, 33 * ms, R, 97, 0, false},
			anomaly:  "stale read",
			sentence: "session 3 wrote 118 to k0 via n3 at W=1, and 1 ms later read 97 from n3 at R=1, which had already been overwritten",
			witness:  3, legal: "118",
		},
		{
			name:    "intervals are closed",
			common:  []op{{1, 1, 2, W, 97, 0, false}, {3, 3, 5, W, 118, 0, false}},
			good:    op{2, 5, 9, R, 97, 0, false},
			bad:     op{2, 6, 9, R, 97, 0, false},
			anomaly: "stale read", witness: 3, legal: "118",
		},
		{
			name:     "initial value after a write",
			common:   []op{{3, 3 * ms, 4 * ms, W, 118, 0, false}},
			good:     op{2, 4 * ms, 33 * ms, R, absent, 0, false},
			bad:      op{2, 5 * ms, 33 * ms, R, absent, 0, false},
			anomaly:  "stale read",
			sentence: "session 3 wrote 118 to k0 via n3 at W=1, and 1 ms later session 2 read nothing (key not found) from n2 at R=1, as before the first write",
			witness:  2, legal: "118",
		},
		{
			name:    "a write without an answer may happen late",
			common:  []op{{1, 1, 2, W, 97, 0, false}, {3, 3, 0, W, 118, 0, false}, {2, 5, 6, R, 97, 0, false}},
			good:    op{2, 7, 8, R, 118, 0, false},
			bad:     op{2, 7, 8, R, 119, 0, false},
			anomaly: "thin-air read", witness: 1, legal: "97, 118",
		},
		{
			name:    "but not twice",
			common:  []op{{1, 1, 2, W, 97, 0, false}, {3, 3, 0, W, 118, 0, false}, {2, 5, 6, R, 118, 0, false}},
			good:    op{2, 7, 8, R, 118, 0, false},
			bad:     op{2, 7, 8, R, 97, 0, false},
			anomaly: "new-old inversion", witness: 4, legal: "118",
		},
		{
			name:    "failed writes do nothing",
			common:  []op{{1, 1, 2, W, 97, 0, false}, {3, 3, 4, W, 118, 0, true}},
			good:    op{2, 7, 8, R, 97, 0, false},
			bad:     op{2, 7, 8, R, 118, 0, false},
			anomaly: "aborted read", witness: 2, legal: "97",
		},
		{
			name:    "no read of the future",
			common:  []op{{1, 9, 10, W, 97, 0, false}},
			good:    op{2, 7, 9, R, 97, 0, false},
			bad:     op{2, 7, 8, R, 97, 0, false},
			anomaly: "future read", witness: 2, legal: history.Nothing,
		},
		{
			name:    "two compare-and-sets of one value",
			common:  []op{{1, 1, 2, W, 97, 0, false}, {3, 3, 9, C, 118, 97, false}},
			good:    op{2, 4, 8, C, 119, 118, false},
			bad:     op{2, 4, 8, C, 119, 97, false},
			anomaly: "lost update", witness: 3,
		},
		{
			name:    "a read between compare-and-sets",
			common:  []op{{1, 1, 2, W, 97, 0, false}, {3, 3, 4, C, 118, 97, false}, {3, 5, 6, C, 119, 118, false}},
			good:    op{2, 7, 8, R, 119, 0, false},
			bad:     op{2, 7, 8, R, 118, 0, false},
			anomaly: "stale read", witness: 3, legal: "119",
		},
		{
			name:    "a compare-and-set that met another value",
			common:  []op{{1, 1, 2, W, 97, 0, false}},
			good:    op{2, 7, 8, C, 5, 96, true},
			bad:     op{2, 7, 8, C, 5, 97, true},
			anomaly: "unexplained mismatch", witness: 2,
			sentence: "session 2 compared k0 with 97 and met another value via n2 at W=1, but nothing else than 97 can have been there",
		},
		{
			name:    "deletes leave nothing",
			common:  []op{{1, 1, 2, W, 97, 0, false}, {1, 3, 4, D, 0, 0, false}},
			good:    op{2, 7, 8, R, absent, 0, false},
			bad:     op{2, 7, 8, R, 97, 0, false},
			anomaly: "stale read", witness: 3, legal: history.Nothing,
		},
		{
			name:    "readers must agree on the order of writes",
			common:  []op{{1, 1, 20, W, 1, 0, false}, {2, 1, 20, W, 2, 0, false}, {3, 2, 3, R, 1, 0, false}, {3, 4, 5, R, 2, 0, false}},
			good:    op{4, 6, 7, R, 2, 0, false},
			bad:     op{4, 6, 7, R, 1, 0, false},
			anomaly: "new-old inversion", witness: 5, legal: "2",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, e := range []Engine{Auto, Search, Porcupine} {
				if v := check(t, e, build(t, append(c.common[:len(c.common):len(c.common)], c.good)...)); v.Total != 0 {
					t.Errorf("%s: the legal history is refuted: %s", e, v.Violations[0].Sentence)
				}
				h := build(t, append(c.common[:len(c.common):len(c.common)], c.bad)...)
				v := check(t, e, h)
				if v.Status != checkers.Violated || len(v.Violations) != 1 {
					t.Errorf("%s: the illegal history is %s", e, v.Status)
					continue
				}
				x := v.Violations[0]
				if x.Anomaly != c.anomaly || len(x.Ops) != c.witness || x.Certified != "porcupine" {
					t.Errorf("%s: got %q with %d operations certified by %q, want %q with %d: %s", e, x.Anomaly, len(x.Ops), x.Certified, c.anomaly, c.witness, x.Sentence)
				}
				if c.sentence != "" && x.Sentence != c.sentence {
					t.Errorf("%s: sentence\n got %s\nwant %s", e, x.Sentence, c.sentence)
				}
				if got := strings.Join(x.Legal, ", "); c.legal != "" && got != c.legal {
					t.Errorf("%s: legal values %q, want %q", e, got, c.legal)
				}
				if e == Auto {
					t.Log(x.Sentence)
				}
			}
		})
	}
}
