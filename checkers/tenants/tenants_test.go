package tenants

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

// two is the attribute of two tenants: even keys are of the first, odd ones of the second.
var two = map[string]string{history.AttributeTenants: "2"}

func write(s int32, at history.Time, k history.Key, v history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: at, To: at + 1, Mops: []exhaust.M{{F: history.Write, K: k, A: v}}}
}

func read(s int32, at history.Time, k history.Key, v history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: at, To: at + 1, Mops: []exhaust.M{{F: history.Read, K: k, R: v}}}
}

func list(f history.Func, s int32, at history.Time, k history.Key, vs ...history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: at, To: at + 1, Mops: []exhaust.M{{F: f, K: k, L: vs}}}
}

// TestTenants: each row differs from one with the other verdict in one operation, or in its time or outcome.
func TestTenants(t *testing.T) {
	failed := write(0, 1, 0, 7)
	failed.Fail = true
	unanswered := write(0, 1, 0, 7)
	unanswered.Info = true
	exhaust.Run(t, New(), []exhaust.Case{
		{Name: "another's value read", Attr: two, Ops: []exhaust.Op{write(0, 1, 0, 7), read(1, 3, 1, 7)}, Anomalies: []string{Read}},
		{Name: "nothing read", Attr: two, Ops: []exhaust.Op{write(0, 1, 0, 7), read(1, 3, 1, history.Absent)}},
		{Name: "one's own under another name", Attr: two, Ops: []exhaust.Op{write(0, 1, 0, 7), write(1, 1, 1, 8), read(0, 3, 2, 7), read(1, 5, 1, 8), read(1, 7, 1, history.Absent)}},
		{Name: "what failed is shown to another", Attr: two, Ops: []exhaust.Op{failed, read(1, 3, 1, 7)}, Anomalies: []string{Read}},
		{Name: "what got no answer is shown to another", Attr: two, Ops: []exhaust.Op{unanswered, read(1, 3, 1, 7)}, Anomalies: []string{Read}},
		{Name: "written by both", Attr: two, Ops: []exhaust.Op{write(0, 1, 0, 7), write(1, 1, 1, 7), read(1, 3, 1, 7)}},
		{Name: "written by nobody", Attr: two, Ops: []exhaust.Op{write(0, 1, 0, 7), read(1, 3, 1, 8)}},
		{Name: "seen before it was written", Attr: two, Ops: []exhaust.Op{read(1, 1, 1, 7), write(0, 3, 0, 7), read(1, 5, 1, history.Absent)}},
		{Name: "listed", Attr: two, Ops: []exhaust.Op{write(0, 1, 0, 7), write(1, 1, 1, 8), list(history.Scan, 1, 3, 1, 8, 7)}, Anomalies: []string{Scan}},
		{Name: "listed to its tenant", Attr: two, Ops: []exhaust.Op{write(0, 1, 0, 7), write(1, 1, 1, 8), list(history.Scan, 0, 3, 2, 7)}},
		{Name: "backed up", Attr: two, Ops: []exhaust.Op{write(0, 1, 0, 7), write(1, 1, 1, 8), list(history.Backup, 1, 3, 1, 8, 7)}, Anomalies: []string{Backup}},
		{Name: "a backup of a tenant that has nothing", Attr: two, Ops: []exhaust.Op{write(0, 1, 0, 7), list(history.Backup, 1, 3, 1)}},
		{Name: "two values in one list", Attr: two, Ops: []exhaust.Op{write(0, 1, 0, 7), write(2, 1, 2, 9), list(history.Scan, 1, 3, 1, 9, 7)}, Anomalies: []string{Scan, Scan}},
		// A read could not have shown what another has under no such name, a list what nobody has yet.
		{Name: "others have other names", Attr: two, Ops: []exhaust.Op{write(0, 1, 2, 7), read(1, 3, 1, history.Absent)}, Inconclusive: true},
		{Name: "nobody else has anything", Attr: two, Ops: []exhaust.Op{write(1, 1, 1, 7), list(history.Scan, 1, 3, 1, 7)}, Inconclusive: true},
		{Name: "others had it only later", Attr: two, Ops: []exhaust.Op{read(1, 1, 1, history.Absent), write(0, 3, 0, 7)}, Inconclusive: true},
	})
}

func TestFits(t *testing.T) {
	for name, attr := range map[string]map[string]string{"none": nil, "one": {history.AttributeTenants: "1"}} {
		if New().Applies(exhaust.Build(t, attr, write(0, 1, 0, 7))) == nil {
			t.Errorf("it takes a history with %s", name)
		}
	}
	if New().Applies(exhaust.Build(t, two, exhaust.Op{From: 1, To: 2, Mops: []exhaust.M{{F: history.Append, A: 1}}})) == nil {
		t.Error("it takes a history of lists")
	}
}

// TestAgainstDefinition compares every value that was shown, in random histories, with every write, one by one, and has each witness
// refuted again. Values are drawn from few, so that several tenants write the same.
func TestAgainstDefinition(t *testing.T) {
	t.Parallel()
	rounds := seeds.Choose(t, 3000)
	good, bad := 0, 0
	for seed := range rounds.All() {
		tenants := 2 + int(seed%2)
		ops := random(rand.New(rand.NewPCG(seed, 0x7e4a47)))
		attr := map[string]string{history.AttributeTenants: string(rune('0' + tenants))}
		h := exhaust.Build(t, attr, ops...)
		wantTotal, wantRisk := definition(ops, tenants)
		v, err := New().Check(t.Context(), h, checkers.Budget{MaxViolations: 100})
		if err != nil {
			t.Fatal(err)
		}
		if v.Total != wantTotal || v.Evidence.AtRisk != wantRisk {
			t.Fatalf("seed %d: %d leaks and %d at risk, there are %d and %d: %v", seed, v.Total, v.Evidence.AtRisk, wantTotal, wantRisk, ops)
		}
		for i := range v.Violations {
			if by, proven := Models()[0].Refute(context.Background(), h, &v.Violations[i]); by == "" || !proven {
				t.Fatalf("seed %d: %s is not proven", seed, v.Violations[i].Sentence)
			}
		}
		if wantTotal > 0 {
			bad++
		} else {
			good++
		}
	}
	t.Logf("%s: %d without leaks, %d with", rounds, good, bad)
	if good == 0 || bad == 0 {
		t.Error("the histories are one-sided")
	}
}

func random(rng *rand.Rand) []exhaust.Op {
	var ops []exhaust.Op
	for i := range 2 + rng.IntN(8) {
		from := history.Time(rng.IntN(40))
		o := exhaust.Op{S: int32(i), From: from, To: from + history.Time(rng.IntN(20))}
		switch rng.IntN(8) {
		case 0:
			o.Info = true
		case 1:
			o.Fail = true
		}
		m := exhaust.M{K: history.Key(rng.IntN(6))}
		value := func() history.Value { return history.Value(1 + rng.IntN(12)) }
		switch rng.IntN(5) {
		case 0, 1:
			m.F, m.A = history.Write, value()
		case 2:
			m.F, m.R = history.Read, value()
			if rng.IntN(3) == 0 {
				m.R = history.Absent
			}
		case 3, 4:
			m.F = []history.Func{history.Scan, history.Backup}[rng.IntN(2)]
			for range rng.IntN(4) {
				m.L = append(m.L, value())
			}
		}
		o.Mops = []exhaust.M{m}
		ops = append(ops, o)
	}
	slices.SortStableFunc(ops, func(a, b exhaust.Op) int { return int(a.From - b.From) })
	return ops
}

// definition counts leaks, and what could have exposed one, by looking from each answer at each write.
func definition(ops []exhaust.Op, tenants int) (leaks, risk int) {
	for _, o := range ops {
		m := o.Mops[0]
		if o.Info || o.Fail || m.F == history.Write {
			continue
		}
		shown := m.L
		if m.F == history.Read {
			shown = []history.Value{m.R}
		}
		for _, v := range shown {
			mine, theirs := false, false
			for _, w := range ops {
				if w.Mops[0].F != history.Write || w.Mops[0].A != v {
					continue
				}
				same := int(w.Mops[0].K)%tenants == int(m.K)%tenants
				mine = mine || same
				theirs = theirs || !same && w.From <= o.To
			}
			if theirs && !mine {
				leaks++
			}
		}
		for _, w := range ops {
			k := w.Mops[0].K
			if w.Mops[0].F == history.Write && !w.Info && !w.Fail && w.To < o.From && int(k)%tenants != int(m.K)%tenants &&
				(m.F != history.Read || int(k)/tenants == int(m.K)/tenants) {
				risk++
				break
			}
		}
	}
	return leaks, risk
}
