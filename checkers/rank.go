package checkers

import (
	"cmp"
	"slices"
)

// Rank says which violations of a local model (Model.Local) are kept where there are more than the budget has room for, and in
// which order those are told. It is of the history that was checked, and the same of the part that has all operations of the
// violation's key: so the same violations are kept whether a history is checked as a whole or in parts.
type Rank struct {
	// Choice orders all violations, those first that are kept: of each anomaly by itself where EachAnomaly is set. No two
	// violations of a history have the same.
	Choice [5]int64
	// Order orders those that are kept; those with the same follow Choice.
	Order [2]int64
	// EachAnomaly: as many violations of each anomaly are kept as there is room for, so that a frequent one hides no rare one.
	EachAnomaly bool
}

// Choose returns the violations that are kept of found, at most so many, or so many of each anomaly where they are ranked so. What
// is chosen of what was chosen of parts is what is chosen of all. Elements of found, of which of tells the violation, are moved.
func Choose[T any](found []T, most int, of func(*T) *Violation) []T {
	slices.SortStableFunc(found, func(a, b T) int {
		return slices.Compare(of(&a).Rank.Choice[:], of(&b).Rank.Choice[:])
	})
	kept := map[string]int{}
	return slices.DeleteFunc(found, func(x T) bool {
		anomaly, v := "", of(&x)
		if v.Rank.EachAnomaly {
			anomaly = v.Anomaly
		}
		kept[anomaly]++
		return kept[anomaly] > most
	})
}

// Told are the violations chosen, in the order in which they are told, at most so many; of each anomaly as many as there is room
// for, where they are ranked so: the first of each, then the second of each, and so on. Elements of chosen are moved.
func Told[T any](chosen []T, most int, of func(*T) *Violation) []T {
	slices.SortStableFunc(chosen, func(a, b T) int {
		x, y := &of(&a).Rank, &of(&b).Rank
		return cmp.Or(slices.Compare(x.Order[:], y.Order[:]), slices.Compare(x.Choice[:], y.Choice[:]))
	})
	if len(chosen) > 0 && of(&chosen[0]).Rank.EachAnomaly {
		chosen = spread(chosen, of)
	}
	return chosen[:min(most, len(chosen))]
}

// Spread keeps up to most violations, as many of each anomaly as there is room
// for: the first of each, then the second of each, and so on, so that a frequent
// anomaly hides no rare one.
func Spread(vs []Violation, most int) []Violation {
	return spread(vs, Itself)[:min(most, len(vs))]
}

// Itself is v, for Choose and Told.
func Itself(v *Violation) *Violation { return v }

// spread are all of vs, the first of each anomaly first, then the second of each.
func spread[T any](vs []T, of func(*T) *Violation) []T {
	type turn struct{ n, at int }
	seen := map[string]int{}
	order := make([]turn, len(vs))
	for i := range vs {
		anomaly := of(&vs[i]).Anomaly
		order[i] = turn{seen[anomaly], i}
		seen[anomaly]++
	}
	slices.SortStableFunc(order, func(a, b turn) int { return cmp.Compare(a.n, b.n) })
	out := make([]T, len(vs))
	for i, t := range order {
		out[i] = vs[t.at]
	}
	return out
}
