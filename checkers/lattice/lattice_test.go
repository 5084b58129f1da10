package lattice_test

import (
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/bank"
	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/eventual"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/lattice"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/checkers/sequential"
	"github.com/lapse-test/lapse/checkers/session"
	"github.com/lapse-test/lapse/checkers/txn"
	"github.com/lapse-test/lapse/history"
)

// TestOrder: what implies another is not implied by it, and names are known.
func TestOrder(t *testing.T) {
	models := registry.Lattice().Models()
	for _, a := range models {
		for _, b := range models {
			if a != b && registry.Lattice().Implies(a, b) && registry.Lattice().Implies(b, a) {
				t.Errorf("%s and %s imply one another", a, b)
			}
			for _, c := range models {
				if registry.Lattice().Implies(a, b) && registry.Lattice().Implies(b, c) && !registry.Lattice().Implies(a, c) {
					t.Errorf("%s implies %s implies %s, but not at once", a, b, c)
				}
			}
		}
		if slices.Contains(registry.Lattice().ImpliedBy(a), a) {
			t.Errorf("%s is listed as implied by itself", a)
		}
	}
	for _, a := range registry.Lattice().Anomalies() {
		for _, m := range registry.Lattice().Refutes(a) {
			if !slices.Contains(models, m) {
				t.Errorf("%s refutes %s, which is no model", a, m)
			}
			for _, n := range registry.Lattice().Refutes(a) {
				if m != n && registry.Lattice().Implies(m, n) {
					t.Errorf("%s refutes %s, which follows from refuting %s", a, m, n)
				}
			}
		}
	}
}

// TestFacts are facts that every reader of the literature expects.
func TestFacts(t *testing.T) {
	for _, f := range [][2]string{
		{txn.StrictSerializable, linearizable.Model}, {txn.StrictSerializable, txn.ReadUncommitted}, {txn.Serializable, txn.SnapshotIsolation},
		{txn.SessionSnapshotIsolation, txn.PSI}, {txn.PSI, txn.TransactionalCausal}, {txn.Prefix, txn.ReadAtomic}, {linearizable.Model, sequential.Model},
		{sequential.Model, causal.PRAM}, {sequential.Model, causal.Convergent}, {causal.Causal, session.ReadYourWrites}, {causal.Causal, causal.WritesFollowReads}, {linearizable.Model, regular.Safe},
		{txn.StrictSerializable, bank.Overdrawn}, {txn.StrongSnapshotIsolation, bank.Overdrawn}, {txn.StrongRepeatableRead, bank.Overdrawn}, {bank.Model, bank.Overdrawn},
	} {
		if !registry.Lattice().Implies(f[0], f[1]) {
			t.Errorf("%s implies %s", f[0], f[1])
		}
	}
	for _, f := range [][2]string{
		{txn.Serializable, sequential.Model}, {txn.Serializable, txn.TransactionalCausal}, {txn.SnapshotIsolation, txn.PSI}, {txn.PSI, txn.Prefix}, {txn.Prefix, txn.PSI},
		{txn.SnapshotIsolation, txn.RepeatableRead}, {txn.RepeatableRead, txn.SnapshotIsolation}, {causal.Memory, causal.Convergent}, {causal.Convergent, causal.Memory},
		{causal.PRAM, causal.WritesFollowReads}, {causal.Causal, causal.PRAM}, {eventual.Model, session.ReadYourWrites}, {txn.SessionSerializable, txn.StrictSerializable},
		{txn.StrictSerializable, bank.Model}, {txn.StrongPSI, bank.Model}, {txn.StrongRepeatableRead, bank.Model},
	} {
		if registry.Lattice().Implies(f[0], f[1]) {
			t.Errorf("%s does not imply %s", f[0], f[1])
		}
	}
}

// TestOverdrawn: transactions one after another, of which one overdraws an account. That
// refutes bank, and no isolation level.
func TestOverdrawn(t *testing.T) {
	h := exhaust.Build(t, map[string]string{"accounts": "2", "total": "20"},
		exhaust.Op{S: 0, From: 1, To: 2, Mops: []exhaust.M{{F: history.Write, K: 0, A: 10}, {F: history.Write, K: 1, A: 10}}},
		exhaust.Op{S: 0, From: 3, To: 4, Mops: []exhaust.M{{F: history.Transfer, K: 0, A: 1, E: 14}}},
		exhaust.Op{S: 1, From: 5, To: 6, Mops: []exhaust.M{{F: history.Read, K: 0, R: -4}, {F: history.Read, K: 1, R: 24}}},
	)
	var verdicts []checkers.Verdict
	for _, c := range []*bank.Checker{bank.New(), bank.NewOverdrawn()} {
		v, err := c.Check(t.Context(), h, checkers.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		verdicts = append(verdicts, v)
	}
	if verdicts[0].Status != checkers.Violated || verdicts[1].Status != checkers.Held {
		t.Errorf("got %s and %s", verdicts[0].Status, verdicts[1].Status)
	}
	if s := registry.Lattice().Summarise(verdicts); len(s.ImpliedRefuted) > 0 {
		t.Errorf("a negative balance refutes %v", s.ImpliedRefuted)
	}
}

func verdict(model string, s checkers.Status, anomalies ...string) checkers.Verdict {
	v := checkers.Verdict{Model: model, Status: s}
	for _, a := range anomalies {
		v.Violations = append(v.Violations, checkers.Violation{Anomaly: a})
	}
	return v
}

func TestSummarise(t *testing.T) {
	cases := []struct {
		name     string
		verdicts []checkers.Verdict
		want     lattice.Summary
	}{
		{"write skew", []checkers.Verdict{
			verdict(txn.Serializable, checkers.Violated, "G2-item"), verdict(txn.SnapshotIsolation, checkers.Held), verdict(txn.ReadCommitted, checkers.Held),
		}, lattice.Summary{
			Refuted: []string{txn.Serializable}, ImpliedRefuted: []string{txn.RepeatableRead, txn.StrictSerializable, txn.StrongRepeatableRead, txn.SessionRepeatableRead, txn.SessionSerializable},
			NotRefuted: []string{txn.ReadCommitted, txn.SnapshotIsolation}, StrongestNotRefuted: []string{txn.SnapshotIsolation}, Anomalies: []string{"G2-item"},
		}},
		{"what was not decided", []checkers.Verdict{
			verdict(linearizable.Model, checkers.Inconclusive), verdict(session.ReadYourWrites, checkers.Held), verdict(session.MonotonicReads, checkers.Inconclusive),
		}, lattice.Summary{
			NotRefuted: []string{session.ReadYourWrites}, StrongestNotRefuted: []string{session.ReadYourWrites}, Undecided: []string{linearizable.Model, session.MonotonicReads},
		}},
		{"a stronger one answers", []checkers.Verdict{
			verdict(sequential.Model, checkers.Held), verdict(session.MonotonicReads, checkers.Inconclusive),
		}, lattice.Summary{
			NotRefuted: []string{sequential.Model}, StrongestNotRefuted: []string{sequential.Model},
		}},
		{"a weaker one is refuted", []checkers.Verdict{
			verdict(linearizable.Model, checkers.Inconclusive), verdict(session.MonotonicReads, checkers.Violated),
		}, lattice.Summary{
			Refuted:        []string{session.MonotonicReads},
			ImpliedRefuted: implying(session.MonotonicReads),
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := registry.Lattice().Summarise(c.verdicts)
			slices.Sort(c.want.ImpliedRefuted)
			for _, f := range []struct {
				name      string
				got, want []string
			}{
				{"refuted", got.Refuted, c.want.Refuted}, {"implied", got.ImpliedRefuted, c.want.ImpliedRefuted},
				{"not refuted", got.NotRefuted, c.want.NotRefuted}, {"strongest", got.StrongestNotRefuted, c.want.StrongestNotRefuted},
				{"undecided", got.Undecided, c.want.Undecided}, {"anomalies", got.Anomalies, c.want.Anomalies},
			} {
				if !slices.Equal(f.got, f.want) {
					t.Errorf("%s: got %v, want %v", f.name, f.got, f.want)
				}
			}
		})
	}
}

// implying are the models that imply model, sorted.
func implying(model string) []string {
	return slices.DeleteFunc(registry.Lattice().Models(), func(m string) bool { return m == model || !registry.Lattice().Implies(m, model) })
}
