package lattice

import (
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
)

// TestOrder: what implies another is not implied by it, and names are known.
func TestOrder(t *testing.T) {
	models := Models()
	for _, a := range models {
		for _, b := range models {
			if a != b && Implies(a, b) && Implies(b, a) {
				t.Errorf("%s and %s imply one another", a, b)
			}
			for _, c := range models {
				if Implies(a, b) && Implies(b, c) && !Implies(a, c) {
					t.Errorf("%s implies %s implies %s, but not at once", a, b, c)
				}
			}
		}
		if slices.Contains(ImpliedBy(a), a) || slices.Contains(Stronger(a), a) {
			t.Errorf("%s is listed as implied by itself", a)
		}
	}
	for _, a := range Anomalies() {
		for _, m := range Refutes(a) {
			if !Known(m) {
				t.Errorf("%s refutes %s, which is no model", a, m)
			}
			for _, n := range Refutes(a) {
				if m != n && Implies(m, n) {
					t.Errorf("%s refutes %s, which follows from refuting %s", a, m, n)
				}
			}
		}
	}
}

// TestFacts are facts that every reader of the literature expects.
func TestFacts(t *testing.T) {
	for _, f := range [][2]string{
		{StrictSerializable, Linearizable}, {StrictSerializable, ReadUncommitted}, {Serializable, SnapshotIsolation},
		{SessionSnapshotIsolation, PSI}, {PSI, TransactionalCausal}, {Prefix, ReadAtomic}, {Linearizable, Sequential},
		{Sequential, PRAM}, {Sequential, CausalConvergent}, {Causal, ReadYourWrites}, {Causal, WritesFollowReads}, {Linearizable, Safe},
	} {
		if !Implies(f[0], f[1]) {
			t.Errorf("%s implies %s", f[0], f[1])
		}
	}
	for _, f := range [][2]string{
		{Serializable, Sequential}, {Serializable, TransactionalCausal}, {SnapshotIsolation, PSI}, {PSI, Prefix}, {Prefix, PSI},
		{SnapshotIsolation, RepeatableRead}, {RepeatableRead, SnapshotIsolation}, {CausalMemory, CausalConvergent}, {CausalConvergent, CausalMemory},
		{PRAM, WritesFollowReads}, {Causal, PRAM}, {Eventual, ReadYourWrites}, {SessionSerializable, StrictSerializable},
	} {
		if Implies(f[0], f[1]) {
			t.Errorf("%s does not imply %s", f[0], f[1])
		}
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
		want     Summary
	}{
		{"write skew", []checkers.Verdict{
			verdict(Serializable, checkers.Violated, "G2-item"), verdict(SnapshotIsolation, checkers.Held), verdict(ReadCommitted, checkers.Held),
		}, Summary{
			Refuted: []string{Serializable}, ImpliedRefuted: []string{RepeatableRead, StrictSerializable, StrongRepeatableRead, SessionRepeatableRead, SessionSerializable},
			NotRefuted: []string{ReadCommitted, SnapshotIsolation}, StrongestNotRefuted: []string{SnapshotIsolation}, Anomalies: []string{"G2-item"},
		}},
		{"what was not decided", []checkers.Verdict{
			verdict(Linearizable, checkers.Inconclusive), verdict(ReadYourWrites, checkers.Held), verdict(MonotonicReads, checkers.Inconclusive),
		}, Summary{
			NotRefuted: []string{ReadYourWrites}, StrongestNotRefuted: []string{ReadYourWrites}, Undecided: []string{Linearizable, MonotonicReads},
		}},
		{"a stronger one answers", []checkers.Verdict{
			verdict(Sequential, checkers.Held), verdict(MonotonicReads, checkers.Inconclusive),
		}, Summary{
			NotRefuted: []string{Sequential}, StrongestNotRefuted: []string{Sequential},
		}},
		{"a weaker one is refuted", []checkers.Verdict{
			verdict(Linearizable, checkers.Inconclusive), verdict(MonotonicReads, checkers.Violated),
		}, Summary{
			Refuted:        []string{MonotonicReads},
			ImpliedRefuted: append(Stronger(MonotonicReads)[:0:0], Stronger(MonotonicReads)...),
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := Summarise(c.verdicts)
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
