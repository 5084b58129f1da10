package lattice

import (
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers"
)

// Summary tells of all models which ones a history satisfies and which it violates.
type Summary struct {
	// Refuted were violated, with a witness.
	Refuted []string `json:"refuted"`
	// ImpliedRefuted follow: they imply something that is refuted, or an anomaly
	// that was seen forbids them.
	ImpliedRefuted []string `json:"implied_refuted"`
	// NotRefuted were checked and held.
	NotRefuted []string `json:"not_refuted"`
	// StrongestNotRefuted are those that held and are implied by no other that
	// held.
	StrongestNotRefuted []string `json:"strongest_not_refuted"`
	// Undecided were checked without a decision, or for want of evidence, and no
	// verdict on another model settles them.
	Undecided []string `json:"undecided"`
	// Anomalies that were seen, sorted.
	Anomalies []string `json:"anomalies"`
}

// Summarise combines verdicts on one history. It never says that a model holds
// that was not checked and held itself: that a stronger one was not refuted
// proves nothing about this history that a check did not look at, but it is not
// lost either, as the stronger one is listed. A verdict of held beside one of
// violated on a weaker model would be a contradiction between checkers; the
// refutation counts, because it has a witness.
func (l *Lattice) Summarise(verdicts []checkers.Verdict) Summary {
	var s Summary
	refuted := map[string]bool{}
	anomalies := map[string]bool{}
	for _, v := range verdicts {
		if v.Status == checkers.Violated {
			refuted[v.Model] = true
		}
		for _, x := range v.Violations {
			anomalies[x.Anomaly] = true
		}
	}
	implied := map[string]bool{}
	for _, m := range l.Models() {
		if refuted[m] {
			continue
		}
		for r := range refuted {
			if l.Implies(m, r) {
				implied[m] = true
			}
		}
		for a := range anomalies {
			if l.Refuted(a, m) {
				implied[m] = true
			}
		}
	}
	for _, v := range verdicts {
		switch {
		case refuted[v.Model] || implied[v.Model]:
		case v.Status == checkers.Held:
			s.NotRefuted = append(s.NotRefuted, v.Model)
		case v.Status == checkers.Inconclusive:
			s.Undecided = append(s.Undecided, v.Model)
		}
	}
	s.Refuted = keys(refuted)
	s.ImpliedRefuted = keys(implied)
	s.Anomalies = keys(anomalies)
	s.NotRefuted = unique(s.NotRefuted)
	s.Undecided = slices.DeleteFunc(unique(s.Undecided), func(m string) bool {
		// A stronger model that held answers for it.
		return slices.Contains(s.NotRefuted, m) || slices.ContainsFunc(s.NotRefuted, func(h string) bool { return l.Implies(h, m) })
	})
	for _, m := range s.NotRefuted {
		if !slices.ContainsFunc(s.NotRefuted, func(o string) bool { return o != m && l.Implies(o, m) }) {
			s.StrongestNotRefuted = append(s.StrongestNotRefuted, m)
		}
	}
	return s
}

// String is the summary in one line a part.
func (s Summary) String() string {
	list := func(models []string) string {
		if len(models) == 0 {
			return "none"
		}
		return strings.Join(models, ", ")
	}
	out := "refuted: " + list(s.Refuted) +
		"\nimplied refuted: " + list(s.ImpliedRefuted) +
		"\nstrongest not refuted: " + list(s.StrongestNotRefuted)
	if len(s.Undecided) > 0 {
		out += "\nundecided: " + list(s.Undecided)
	}
	return out
}

func keys(set map[string]bool) []string {
	out := []string{}
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func unique(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}
