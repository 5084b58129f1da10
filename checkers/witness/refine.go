package witness

import (
	"context"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// One witness is worked on if it is a handful of operations, and then not for long:
// it takes a millisecond or so, and longer only where a search runs wild.
const (
	refineOps  = 24
	refineTime = 2 * time.Second
)

// Refine makes the witness of v, which checker found in h, smaller if it can: it drops
// operations, with those that saw what they did, and takes what checker says of the
// rest, if that is the same anomaly and Verify proves it in h. It returns v if nothing
// can go. Deterministic, but for where its time ends.
//
// Proofs that name transactions by their places in the history stay as they are: their
// edges hold in the whole history, and those that a part suggests need not.
func Refine(ctx context.Context, h *history.History, checker checkers.Checker, v checkers.Violation) checkers.Violation {
	if len(v.Ops) < 2 || len(v.Ops) > refineOps || namesPlaces(&v) {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, refineTime)
	defer cancel()
	for {
		less, ok := smaller(ctx, h, checker, &v)
		if !ok {
			return v
		}
		v = less
	}
}

// smaller drops one operation, or several that hang together.
func smaller(ctx context.Context, h *history.History, checker checkers.Checker, v *checkers.Violation) (checkers.Violation, bool) {
	part := h.Subset(v.Ops)
	ops := slices.Clone(v.Ops)
	slices.Sort(ops)
	l := linksOf(part)
	for drop := range part.Ops {
		if ctx.Err() != nil {
			return *v, false
		}
		keep, whole := without(part, l, drop)
		if !whole || len(keep) == 0 {
			continue
		}
		rest := part.Subset(keep)
		if checker.Applies(rest) != nil {
			continue
		}
		verdict, err := checker.Check(ctx, rest, checkers.Budget{Time: refineTime, MaxViolations: 3})
		if err != nil {
			continue
		}
		i := slices.IndexFunc(verdict.Violations, func(x checkers.Violation) bool { return x.Anomaly == v.Anomaly })
		if i < 0 {
			continue
		}
		less := verdict.Violations[i]
		less.Rank = v.Rank // what was found is the same
		place := func(i int) int { return ops[keep[i]] }
		for j := range less.Ops {
			less.Ops[j] = place(less.Ops[j])
		}
		for j := range less.Steps {
			s := &less.Steps[j]
			s.From = place(s.From)
			if s.To >= 0 {
				s.To = place(s.To)
			}
		}
		if by, err := Verify(ctx, h, checker.Model(), &less); err == nil && by != "" {
			return less, true
		}
	}
	return *v, false
}

// without are the operations of part that are left when drop goes, with those that
// saw what it did; whole is false if that would weaken a compare-and-set.
func without(part *history.History, l links, drop int) (keep []int, whole bool) {
	gone := make([]bool, len(part.Ops))
	stack := []int32{int32(drop)}
	for len(stack) > 0 {
		o := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if gone[o] {
			continue
		}
		gone[o] = true
		stack = append(stack, l.gone[o]...)
	}
	for o := range part.Ops {
		if !gone[o] {
			keep = append(keep, o)
			continue
		}
		for _, d := range l.weak[o] {
			if !gone[d] {
				return nil, false
			}
		}
	}
	return keep, true
}

// namesPlaces tells whether the sentences of v call operations by their places.
func namesPlaces(v *checkers.Violation) bool {
	return slices.ContainsFunc(v.Ops, v.NamesPlace)
}
