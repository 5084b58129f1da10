package lostwrite

import (
	"context"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

type op struct {
	s, node  int32
	from, to history.Time // to 0: no answer
	f        history.Func
	v, e     history.Value
}

const absent = history.Absent

func build(t *testing.T, faults []history.Fault, ops ...op) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "test", Initial: absent, Nodes: []string{"n1", "n2", "n3"},
		Levels: []string{"", "primary"}, Attributes: map[string]string{Authoritative: "primary"}})
	for i, o := range ops {
		m := history.Mop{Func: o.f, Arg: o.v, Expect: o.e}
		r := history.Op{Session: o.s, Process: int32(i), Invoke: o.from, Complete: o.to, Outcome: history.OK,
			Node: int16(o.node - 1), Error: -1, Note: -1}
		if o.f == history.Read {
			m.Ret, m.Arg = o.v, 0
			m.Flags |= history.Observed
			r.ReadLevel = 1
		}
		if o.to == 0 {
			r.Complete, r.Outcome = history.Never, history.Info
		}
		b.AddPlain(r, m)
	}
	for _, f := range faults {
		b.AddFault(f)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestPairs holds histories that differ in one operation: one keeps all
// acknowledged writes, the other loses some.
func TestPairs(t *testing.T) {
	const (
		R = history.Read
		W = history.Write
		C = history.CAS
	)
	for _, c := range []struct {
		name     string
		faults   []history.Fault
		common   []op
		good     op
		bad      op
		lost     int
		sentence string
	}{
		{
			name:     "gone at the end",
			common:   []op{{1, 1, 1, 2, W, 97, 0}, {1, 1, 3, 4, W, 118, 0}, {2, 2, 10, 11, R, 97, 0}},
			good:     op{3, 3, 10, 11, R, 118, 0},
			bad:      op{3, 3, 10, 11, R, 97, 0},
			lost:     1,
			sentence: "session 1 wrote 118 to k0 via n1 (acknowledged), but when all was healed and settled, none of 2 final reads saw it or anything newer: the newest value left is 97",
		},
		{
			name:     "several gone, the key never existed",
			common:   []op{{1, 1, 1, 2, W, 97, 0}, {1, 1, 3, 4, W, 118, 0}},
			good:     op{3, 3, 10, 11, R, 118, 0},
			bad:      op{3, 3, 10, 11, R, absent, 0},
			lost:     2,
			sentence: "session 1 wrote 118 to k0 via n1 (acknowledged), but when all was healed and settled, session 3 read nothing (key not found) for k0 from n3 at R=primary; in all 2 acknowledged writes of k0 are lost (97, 118)",
		},
		{
			name:   "a concurrent write may have replaced it",
			common: []op{{1, 1, 1, 4, W, 97, 0}, {2, 1, 3, 9, W, 118, 0}},
			good:   op{3, 3, 10, 11, R, 97, 0},
			bad:    op{3, 3, 10, 11, R, absent, 0},
			lost:   2,
		},
		{
			name:   "a write without an answer may have replaced it",
			common: []op{{1, 1, 1, 2, W, 97, 0}, {2, 1, 1, 0, W, 5, 0}, {1, 1, 3, 4, W, 118, 0}},
			good:   op{3, 3, 10, 11, R, 5, 0},
			bad:    op{3, 3, 10, 11, R, 97, 0},
			lost:   1,
		},
		{
			name:   "a write without an answer is never lost",
			common: []op{{1, 1, 1, 2, W, 97, 0}, {3, 3, 10, 11, R, 97, 0}},
			good:   op{2, 1, 3, 0, W, 118, 0},
			bad:    op{2, 1, 3, 4, W, 118, 0},
			lost:   1,
		},
		{
			name:     "a compare-and-set passed over it",
			common:   []op{{1, 1, 1, 2, W, 97, 0}, {1, 1, 3, 4, W, 118, 0}, {3, 3, 10, 11, R, 120, 0}},
			good:     op{2, 2, 6, 7, C, 120, 118},
			bad:      op{2, 2, 6, 7, C, 120, 97},
			lost:     1,
			sentence: "session 1 wrote 118 to k0 via n1 (acknowledged), but 2 ns later session 2 changed k0 from 97 to 120 via n2",
		},
		{
			name: "a new primary went on without it",
			common: []op{{1, 1, 1, 2, W, 97, 0}, {1, 1, 3, 4, W, 118, 0},
				{1, 2, 8, 9, W, 119, 0}, {3, 3, 10, 11, R, 119, 0}},
			good:     op{2, 2, 6, 7, R, 118, 0},
			bad:      op{2, 2, 6, 7, R, 97, 0},
			lost:     1,
			sentence: "session 1 wrote 118 to k0 via n1 (acknowledged), but 2 ns later the primary n2 still had 97 and went on from there",
		},
		{
			name: "a deposed primary that did not go on proves nothing",
			common: []op{{1, 1, 1, 2, W, 97, 0}, {1, 1, 3, 4, W, 118, 0},
				{2, 2, 6, 7, R, 97, 0}, {3, 3, 10, 11, R, 119, 0}},
			good: op{1, 3, 8, 9, W, 119, 0},
			bad:  op{1, 2, 8, 9, W, 119, 0},
			lost: 1,
		},
		{
			name:   "before the last fault heals nothing is final",
			faults: []history.Fault{{ID: 1, Kind: "partition", Name: "isolate n3", Injected: 1, TookEffect: 2, Healed: 20}},
			common: []op{{1, 1, 1, 2, W, 97, 0}, {1, 1, 3, 4, W, 118, 0}},
			good:   op{3, 3, 10, 11, R, 97, 0},
			bad:    op{3, 3, 21, 22, R, 97, 0},
			lost:   1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := func(last op) checkers.Verdict {
				v, err := New().Check(context.Background(), build(t, c.faults, append(c.common[:len(c.common):len(c.common)], last)...), checkers.Budget{})
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			if v := check(c.good); v.Total != 0 {
				t.Errorf("nothing is lost, but: %s", v.Violations[0].Sentence)
			}
			v := check(c.bad)
			if v.Total != c.lost || v.Status != checkers.Violated {
				t.Fatalf("%d writes are lost, found %d (%s %v)", c.lost, v.Total, v.Status, v.Reasons)
			}
			x := v.Violations[0]
			if c.sentence != "" && x.Sentence != c.sentence {
				t.Errorf("sentence\n got %s\nwant %s", x.Sentence, c.sentence)
			}
			if x.Certified != "porcupine" {
				t.Errorf("the witness %v is not certified", x.Ops)
			}
		})
	}
}

// TestDefinition compares the losses that final reads show with the definition,
// written down once more, on random histories.
func TestDefinition(t *testing.T) {
	rounds := seeds.Choose(t, 4000)
	lost := 0
	for seed := range rounds.All() {
		c := gen.Small(seed, seed%3 == 0)
		c.CAS, c.Stale, c.Delete = 0, 0.6, 0
		h, err := c.History(seed)
		if err != nil {
			t.Fatal(err)
		}
		v, err := New().Check(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var k register.Key
		split(t, h).Load(0, &k)
		want := 0
		for i := range k.Ops {
			if w := &k.Ops[i]; w.Installs() && !w.Info() && isLost(&k, w) {
				want++
			}
		}
		if v.Total != want {
			t.Fatalf("seed %d: found %d lost writes, want %d", seed, v.Total, want)
		}
		lost += want
	}
	t.Logf("%s: %d lost writes", rounds, lost)
	if lost == 0 {
		t.Error("no history lost a write")
	}
}

// isLost: every read invoked after the last write ended (at least one) returned
// a value all of whose writers ended before w began.
func isLost(k *register.Key, w *register.Op) bool {
	finals := 0
	for i := range k.Ops {
		r := &k.Ops[i]
		if r.Kind != register.Read {
			continue
		}
		final := true
		for j := range k.Ops {
			if x := &k.Ops[j]; x.Installs() && (x.Info() && x.Inv >= r.Inv || !x.Info() && x.Ret >= r.Inv) {
				final = false
			}
		}
		if !final {
			continue
		}
		finals++
		if r.Val < 0 {
			return false
		}
		for j := range k.Ops {
			if x := &k.Ops[j]; x.Installs() && x.Val == r.Val && x.Ret >= w.Inv {
				return false
			}
		}
	}
	return finals > 0
}
