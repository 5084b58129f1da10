package txn

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
	"github.com/lapse-test/lapse/checkers/txn/internal/brute"
	"github.com/lapse-test/lapse/history"
)

const none = history.Absent

func r(k history.Key, v history.Value) exhaust.M { return exhaust.M{F: history.Read, K: k, R: v} }
func w(k history.Key, v history.Value) exhaust.M { return exhaust.M{F: history.Write, K: k, A: v} }
func d(k history.Key) exhaust.M                  { return exhaust.M{F: history.Delete, K: k, A: none} }
func c(k history.Key, expect, v history.Value) exhaust.M {
	return exhaust.M{F: history.CAS, K: k, E: expect, A: v}
}
func a(k history.Key, v history.Value) exhaust.M { return exhaust.M{F: history.Append, K: k, A: v} }
func l(k history.Key, vs ...history.Value) exhaust.M {
	return exhaust.M{F: history.ReadList, K: k, L: vs}
}

// at is a transaction of session s from from to to.
func at(s int32, from, to history.Time, mops ...exhaust.M) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: mops}
}

// beside are transactions of their own sessions, all concurrent.
func beside(txns ...[]exhaust.M) []exhaust.Op {
	var ops []exhaust.Op
	for i, t := range txns {
		ops = append(ops, at(int32(i), 0, 100, t...))
	}
	return ops
}

func t(mops ...exhaust.M) []exhaust.M { return mops }

func failed(op exhaust.Op) exhaust.Op { op.Fail = true; return op }

// The classic anomalies, each beside a legal history that differs in one
// operation. strongest are the strongest levels that must not be refuted.
var classics = []struct {
	name      string
	ops       []exhaust.Op
	anomaly   string // "" for legal
	strongest []string
}{
	{"two appends interleave", beside(t(a(0, 1), a(1, 1)), t(a(0, 2), a(1, 2)), t(l(0, 1, 2), l(1, 2, 1))), "G0", nil},
	{"two appends do not", beside(t(a(0, 1), a(1, 1)), t(a(0, 2), a(1, 2)), t(l(0, 1, 2), l(1, 1, 2))), "", []string{"strict-serializable"}},

	{"aborted read", []exhaust.Op{failed(at(0, 0, 9, w(0, 1))), at(1, 0, 9, r(0, 1))}, "G1a", []string{"strong-read-uncommitted"}},
	{"committed read", []exhaust.Op{at(0, 0, 9, w(0, 1)), at(1, 0, 9, r(0, 1))}, "", []string{"strict-serializable"}},
	{"aborted element", []exhaust.Op{failed(at(0, 0, 9, a(0, 1))), at(1, 0, 9, l(0, 1))}, "G1a", []string{"strong-read-uncommitted"}},

	{"intermediate read", beside(t(w(0, 1), w(0, 2)), t(r(0, 1))), "G1b", []string{"strong-read-uncommitted"}},
	{"final read", beside(t(w(0, 1), w(0, 2)), t(r(0, 2))), "", []string{"strict-serializable"}},
	{"intermediate list", beside(t(a(0, 1), a(0, 2)), t(l(0, 1)), t(l(0, 1, 2))), "G1b", []string{"strong-read-uncommitted"}},

	{"information in a circle", beside(t(w(0, 1), r(1, 2)), t(w(1, 2), r(0, 1))), "G1c", []string{"strong-read-uncommitted"}},
	{"information one way", beside(t(w(0, 1), r(1, none)), t(w(1, 2), r(0, 1))), "", []string{"strict-serializable"}},

	{"each replaces the other's version", beside(t(r(0, 2), w(0, 1)), t(r(0, 1), w(0, 2))), "cyclic versions", []string{"strong-read-uncommitted"}},

	{"from nowhere", beside(t(w(0, 1)), t(r(0, 7))), "thin-air read", []string{"strong-read-uncommitted"}},
	{"future read", beside(t(r(0, 1), w(0, 1)), t(w(1, 2)), t(r(1, 2))), "future read", []string{"strong-read-uncommitted"}},
	{"compare-and-set of what it installs itself", []exhaust.Op{failed(at(0, 0, 1, w(0, 3))), at(1, 2, 3, c(0, 3, 3)), at(2, 4, 5, r(0, 3))}, "future read", []string{"strong-read-uncommitted"}},
	{"compare-and-set of what was there", []exhaust.Op{at(0, 0, 1, w(0, 3)), at(1, 2, 3, c(0, 3, 3)), at(2, 4, 5, r(0, 3))}, "", []string{"strict-serializable"}},
	{"compare-and-set of what it writes afterwards", beside(t(c(0, 3, 4), w(0, 3)), t(r(0, 3))), "future read", []string{"strong-read-uncommitted"}},
	{"append between two, of which no read saw the second", beside(t(a(0, 6), a(0, 7)), t(a(0, 8)), t(l(0, 6, 8))), "G0", nil},
	{"append after two", beside(t(a(0, 6), a(0, 7)), t(a(0, 8)), t(l(0, 6, 7, 8))), "", []string{"strict-serializable"}},
	{"own write not seen", beside(t(w(0, 1), r(0, none)), t(w(1, 2)), t(r(1, 2))), "internal", []string{"read-committed"}},
	{"own write seen", beside(t(w(0, 1), r(0, 1)), t(w(1, 2)), t(r(1, 2))), "", []string{"strict-serializable"}},

	{"read skew", beside(t(w(0, 1), w(1, 1)), t(r(0, none), r(1, 1))), "G-single", []string{"strong-read-committed"}},
	{"no read skew", beside(t(w(0, 1), w(1, 1)), t(r(0, 1), r(1, 1))), "", []string{"strict-serializable"}},

	{"lost update", beside(t(r(0, none), w(0, 1)), t(r(0, none), w(0, 2)), t(r(0, 2))), "lost update", []string{"strong-prefix"}},
	{"no lost update", beside(t(r(0, none), w(0, 1)), t(r(0, 1), w(0, 2)), t(r(0, 2))), "", []string{"strict-serializable"}},

	{"write skew", beside(t(r(0, none), r(1, none), w(0, 1)), t(r(0, none), r(1, none), w(1, 2)), t(r(0, 1), r(1, 2))), "G2-item", []string{"strong-snapshot-isolation"}},
	{"no write skew", beside(t(r(0, none), r(1, none), w(0, 1)), t(r(0, 1), r(1, none), w(1, 2)), t(r(0, 1), r(1, 2))), "", []string{"strict-serializable"}},

	{"long fork", beside(t(w(0, 1)), t(w(1, 2)), t(r(0, 1), r(1, none)), t(r(0, none), r(1, 2))), "G-nonadjacent", []string{"strong-parallel-snapshot-isolation"}},
	{"no fork", beside(t(w(0, 1)), t(w(1, 2)), t(r(0, 1), r(1, none)), t(r(0, 1), r(1, 2))), "", []string{"strict-serializable"}},

	{"non-repeatable read", beside(t(w(0, 1)), t(r(0, none), r(0, 1))), "non-repeatable read", []string{"strong-read-committed-biswas-enea"}},
	{"non-monotonic read", beside(t(w(0, 1)), t(r(0, 1), r(0, none))), "non-monotonic read", []string{"strong-read-committed"}},

	{"own append between another's", beside(t(a(0, 1), a(0, 3)), t(a(0, 2), l(0, 1, 2, 3))), "G0", nil},
	{"own append before another's", beside(t(a(0, 1), a(0, 3)), t(l(0), a(0, 2), l(0, 2)), t(l(0, 2, 1, 3))), "", []string{"strict-serializable"}},
	{"own append first, elsewhere second", beside(t(a(0, 1)), t(a(0, 2), l(0, 2)), t(l(0, 1, 2))), "incompatible order", []string{"strong-read-uncommitted"}},
	{"own append first everywhere", beside(t(a(0, 1)), t(a(0, 2), l(0, 2)), t(l(0, 2, 1))), "", []string{"strict-serializable"}},
	{"own append read before it ends", []exhaust.Op{at(0, 0, 1, a(0, 5)), at(1, 2, 3, a(0, 1), l(0, 5, 1, 6)), at(2, 4, 5, a(0, 6))}, "G1c", []string{"read-uncommitted"}},
	{"own append read at its end", []exhaust.Op{at(0, 0, 1, a(0, 5)), at(1, 2, 3, a(0, 1), l(0, 5, 1)), at(2, 4, 5, a(0, 6))}, "", []string{"strict-serializable"}},
	{"two own reads contradict each other", beside(t(a(0, 1)), t(a(0, 2), l(0, 2)), t(a(0, 3), l(0, 3))), "incompatible order", []string{"strong-read-uncommitted"}},
	{"two own reads agree", beside(t(a(0, 1)), t(a(0, 2), l(0, 2)), t(a(0, 3), l(0, 2, 3))), "", []string{"strict-serializable"}},

	{"lists disagree", beside(t(a(0, 1)), t(a(0, 2)), t(l(0, 1)), t(l(0, 2))), "incompatible order", []string{"strong-read-uncommitted"}},
	{"lists agree", beside(t(a(0, 1)), t(a(0, 2)), t(l(0, 1)), t(l(0, 1, 2))), "", []string{"strict-serializable"}},
	{"delete seen too late", []exhaust.Op{at(0, 0, 1, w(0, 1)), at(1, 2, 3, d(0), w(1, 2)), at(2, 4, 5, r(0, 1), r(1, 2))}, "causality violation-realtime", []string{"strong-session-serializable"}},
	{"delete seen in time", []exhaust.Op{at(0, 0, 1, w(0, 1)), at(1, 2, 3, d(0), w(1, 2)), at(2, 4, 5, r(0, none), r(1, 2))}, "", []string{"strict-serializable"}},
	{"own delete not seen", beside(t(w(0, 1)), t(d(0), r(0, 1)), t(w(1, 2)), t(r(1, 2))), "internal", []string{"strong-read-committed"}},
	{"own delete seen", beside(t(w(0, 1)), t(d(0), r(0, none)), t(w(1, 2)), t(r(1, 2))), "", []string{"strict-serializable"}},
	{"two deletes, neither before the other", beside(t(d(0), w(1, 1)), t(d(1), w(0, 2)), t(r(0, none), r(1, none), r(2, none)), t(w(2, 3)), t(r(0, none), r(1, none), r(2, 3))), "", []string{"snapshot-isolation"}},
	{"a value written twice, both too old", []exhaust.Op{at(0, 0, 1, w(0, 1)), at(1, 2, 3, w(0, 1)), at(2, 4, 5, w(0, 2)), at(3, 6, 7, r(0, 1))}, anomaly.NoOrder, []string{"strong-session-serializable"}},
	{"a value written twice, one new enough", []exhaust.Op{at(0, 0, 1, w(0, 1)), at(1, 2, 5, w(0, 1)), at(2, 4, 5, w(0, 2)), at(3, 6, 7, r(0, 1))}, "", []string{"strict-serializable"}},
	{"a compare-and-set of either write, both replaced", []exhaust.Op{at(0, 0, 1, w(0, 1)), at(1, 2, 3, w(0, 1)), at(2, 4, 5, c(0, 1, 2)), at(3, 6, 7, c(0, 1, 3)), at(4, 8, 9, r(0, 3))}, anomaly.NoOrder, []string{"strong-session-serializable"}},
	{"a compare-and-set of each write", []exhaust.Op{at(0, 0, 1, w(0, 1)), at(1, 2, 7, w(0, 1)), at(2, 4, 5, c(0, 1, 2)), at(3, 6, 7, c(0, 1, 3)), at(4, 8, 9, r(0, 3))}, "", []string{"strict-serializable"}},

	{"an element twice", beside(t(a(0, 1)), t(l(0, 1, 1))), "duplicate elements", nil},
	{"dirty update", []exhaust.Op{failed(at(0, 0, 9, a(0, 1))), at(1, 0, 9, a(0, 2)), at(2, 0, 9, l(0, 1, 2))}, "dirty update", []string{"strong-read-uncommitted"}},

	{"session goes back", []exhaust.Op{at(0, 0, 1, w(0, 1)), at(1, 2, 3, r(0, 1)), at(1, 4, 5, r(0, none))}, "causality violation", []string{"serializable", "strong-read-committed"}},
	{"session does not", []exhaust.Op{at(0, 0, 1, w(0, 1)), at(1, 2, 3, r(0, 1)), at(1, 4, 5, r(0, 1))}, "", []string{"strict-serializable"}},
	{"stale by the clock", []exhaust.Op{at(0, 0, 1, w(0, 1)), at(2, 0, 50, r(0, 1)), at(1, 4, 5, r(0, none))}, "G-single-realtime", []string{"strong-session-serializable"}},
	{"not stale when concurrent", []exhaust.Op{at(0, 0, 4, w(0, 1)), at(2, 0, 50, r(0, 1)), at(1, 4, 5, r(0, none))}, "", []string{"strict-serializable"}},
}

func TestClassics(tt *testing.T) {
	for _, c := range classics {
		tt.Run(c.name, func(tt *testing.T) {
			h := exhaust.Build(tt, nil, c.ops...)
			vs, err := CheckAll(context.Background(), h, checkers.Budget{})
			if err != nil {
				tt.Fatal(err)
			}
			found := map[string]bool{}
			for _, v := range vs {
				for _, x := range v.Violations {
					found[x.Anomaly] = true
					wellFormed(tt, h, &x)
				}
				if c.anomaly == "" && v.Status == checkers.Violated {
					tt.Errorf("%s is refuted: %v", v.Model, v.Violations)
				}
			}
			if c.anomaly != "" && !found[c.anomaly] {
				tt.Errorf("%s was not found, but %v", c.anomaly, found)
			}
			// What must stand stands, and all of the rest falls, as brute force
			// says too.
			o := brute.New(h)
			for _, v := range vs {
				stands := slices.ContainsFunc(c.strongest, func(s string) bool { return levels().Implies(s, v.Model) })
				if stands && v.Status == checkers.Violated {
					tt.Errorf("%s is refuted", v.Model)
				}
				holds := o.Holds(v.Model)
				if o.Odd && strings.HasSuffix(v.Model, "read-uncommitted") {
					continue
				}
				if holds == (v.Status == checkers.Violated) {
					tt.Errorf("%s: %s, but brute force says holds = %v", v.Model, v.Status, holds)
				}
			}
		})
	}
}

// TestBlindAppends: where appends are blind merges, what a transaction reads after
// its own says nothing about the order.
func TestBlindAppends(tt *testing.T) {
	ops := beside(t(a(0, 1)), t(a(0, 2), l(0, 2)), t(l(0, 1, 2)))
	for attributes, want := range map[string]checkers.Status{"": checkers.Violated, history.AppendsBlind: checkers.Held} {
		h := exhaust.Build(tt, map[string]string{history.AttributeAppends: attributes}, ops...)
		vs, err := CheckAll(context.Background(), h, checkers.Budget{}, "read-committed")
		if err != nil || vs[0].Status != want {
			tt.Errorf("%q: %v %v, want %s", attributes, vs, err, want)
		}
	}
}

// TestOrdersNotKnown: without processes or a clock, levels that ask for the order of
// sessions or of real time are not held, and those that do not are.
func TestOrdersNotKnown(tt *testing.T) {
	good := []exhaust.Op{at(0, 0, 1, w(0, 1)), at(1, 2, 3, r(0, 1))}
	bad := []exhaust.Op{at(0, 0, 1, w(0, 1), w(1, 1)), at(1, 2, 3, r(0, 1), r(1, none))}
	for _, c := range []struct {
		attribute, level string
		ops              []exhaust.Op
		want             checkers.Status
	}{
		{"", "strict-serializable", good, checkers.Held},
		{history.AttributeClock, "strict-serializable", good, checkers.Inconclusive},
		{history.AttributeClock, "strong-session-serializable", good, checkers.Held},
		{history.AttributeSessions, "strong-session-serializable", good, checkers.Inconclusive},
		{history.AttributeSessions, "read-atomic", good, checkers.Inconclusive},
		{history.AttributeSessions, "serializable", good, checkers.Held},
		{history.AttributeSessions, "strong-session-serializable", bad, checkers.Violated},
		{history.AttributeClock, "strict-serializable", bad, checkers.Violated},
	} {
		h := exhaust.Build(tt, map[string]string{c.attribute: "none"}, c.ops...)
		vs, err := CheckAll(context.Background(), h, checkers.Budget{})
		if err != nil {
			tt.Fatal(err)
		}
		for _, v := range vs {
			if v.Model == c.level && (v.Status != c.want || v.Status == checkers.Inconclusive && !strings.Contains(strings.Join(v.Reasons, " "), "was not checked")) {
				tt.Errorf("%q, %s: %s %v, want %s", c.attribute, c.level, v.Status, v.Reasons, c.want)
			}
		}
	}
}

// wellFormed checks what every violation must have.
func wellFormed(tt *testing.T, h *history.History, x *checkers.Violation) {
	tt.Helper()
	if x.Sentence == "" || len(x.Ops) == 0 || len(x.Steps) == 0 || !refutesSome(x.Anomaly) && x.Anomaly != anomaly.NoOrder {
		tt.Errorf("the violation lacks something: %+v", x)
	}
	if !slices.IsSorted(x.Ops) || x.Ops[0] < 0 || x.Ops[len(x.Ops)-1] >= len(h.Ops) {
		tt.Errorf("the witness is %v", x.Ops)
	}
	for _, s := range x.Steps {
		if s.Why == "" || !slices.Contains(x.Ops, s.From) || s.To >= 0 && !slices.Contains(x.Ops, s.To) {
			tt.Errorf("a step names what is not in the witness %v: %+v", x.Ops, s)
		}
	}
	if len(x.Steps) > 1 && x.Steps[len(x.Steps)-1].To != x.Steps[0].From && x.Anomaly != anomaly.NoOrder {
		tt.Errorf("the steps are no cycle: %+v", x.Steps)
	}
}

// TestSentence keeps the manner of explanations.
func TestSentence(tt *testing.T) {
	h := exhaust.Build(tt, nil, beside(t(a(0, 1), a(1, 1)), t(l(0), l(1, 1)), t(l(0, 1)))...)
	c, err := New("snapshot-isolation")
	if err != nil {
		tt.Fatal(err)
	}
	v, err := c.Check(context.Background(), h, checkers.Budget{})
	if err != nil || len(v.Violations) != 1 {
		tt.Fatalf("%v %v", v, err)
	}
	want := `Let:
  T0 = [append k0 1, append k1 1]
  T1 = [read k0 = [], read k1 = [1]]
  T2 = [read k0 = [1]]
Then:
  - T0 < T1, because T1 read T0's append of 1 to key k1.
  - however, T1 < T0, because T1 did not see T0's append of 1 to key k0 (it read []; T2 read it next): a contradiction!`
	if got := v.Violations[0].Sentence; got != want {
		tt.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if v.Violations[0].Certified == "" {
		tt.Error("the witness was not verified")
	}
}

// TestApplies wants a reason for each kind of history that cannot be checked.
func TestApplies(tt *testing.T) {
	c, err := New("serializable")
	if err != nil {
		tt.Fatal(err)
	}
	for name, ops := range map[string][]exhaust.Op{
		"a second time":                   beside(t(a(0, 1)), t(a(0, 1)), t(l(0, 1))),
		"micro-operation enqueue":         beside(t(exhaust.M{F: history.Enqueue, A: 1})),
		"as a register and others use it": beside(t(w(0, 1)), t(a(0, 2))),
	} {
		h := exhaust.Build(tt, nil, ops...)
		err := c.Applies(h)
		if err == nil || !strings.Contains(err.Error(), name) {
			tt.Errorf("%s: %v", name, err)
		}
		if _, err := c.Check(context.Background(), h, checkers.Budget{}); err == nil {
			tt.Errorf("%s: checked all the same", name)
		}
	}
	if _, err := New("serialisable"); err == nil || !strings.Contains(err.Error(), "serializable") {
		tt.Errorf("an unknown level: %v", err)
	}
}

func refutesSome(anomaly string) bool {
	return slices.ContainsFunc(levels().Models(), func(m string) bool { return levels().Refuted(anomaly, m) })
}
