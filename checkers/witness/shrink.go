// Package witness makes a failing history small: the fewest operations that
// still break a model in the same way.
package witness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/txn"
	"github.com/lapse-test/lapse/history"
)

// Stats say how a shrink went.
type Stats struct {
	// From and To are how many operations there were and are left.
	From int `json:"from"`
	To   int `json:"to"`
	// Sessions and Keys count those of what is left.
	Sessions int `json:"sessions"`
	Keys     int `json:"keys"`
	// Weakened counts the compare-and-sets that were made plain writes, because
	// what they compared with was dropped.
	Weakened int `json:"weakened"`
	// Candidates counts the smaller histories that were checked.
	Candidates int `json:"candidates"`
	// Minimal tells that no single operation can be dropped (with what depends on
	// it) without losing the violation; false if the time ran out before.
	Minimal bool          `json:"minimal"`
	Elapsed time.Duration `json:"elapsed_ns"`
}

// ErrHolds says that there is nothing to shrink: the model is not violated.
var ErrHolds = errors.New("the history does not violate the model")

// ErrUndecided says that there is nothing to shrink because the whole history was not
// decided.
var ErrUndecided = errors.New("the history was not decided")

// Shrink finds a small part of h that violates checker's model with the same
// anomaly as the first violation that checker finds in h (any, if that one is of no
// special kind), and returns it with the indexes of its operations, ascending. It is
// deterministic, apart from where the time
// runs out (budget.Time in all).
//
// Parts are closed, so that no violation is invented: with an operation that saw
// a value every operation stays that may have put the value there, and with one
// that saw what cannot be told apart (a counter, a balance, a lock, a compare-and-set that
// failed without telling the value) every operation that changed the key before
// it ended. Dropping such an operation drops what depends on it. Whole keys are
// tried first, then the time after, sessions, and ever smaller runs of operations
// (delta debugging, Zeller and Hildebrandt 2002). told, if not nil, hears after each
// candidate how many operations are left and how many candidates were checked.
func Shrink(ctx context.Context, h *history.History, checker checkers.Checker, budget checkers.Budget, told func(Stats)) (*history.History, []int, Stats, error) {
	budget = budget.WithDefaults()
	ctx, cancel := context.WithTimeout(ctx, budget.Time)
	defer cancel()
	began := time.Now()
	deadline := began.Add(budget.Time)
	stats := Stats{From: len(h.Ops)}
	v, err := checker.Check(ctx, h, budget)
	if err != nil {
		return nil, nil, stats, fmt.Errorf("checking the whole history: %w", err)
	}
	if len(v.Violations) == 0 {
		if v.Status == checkers.Inconclusive && v.Evidence.AtRisk > 0 || ctx.Err() != nil {
			return nil, nil, stats, fmt.Errorf("%w: %s: %s", ErrUndecided, checker.Model().Name, strings.Join(v.Reasons, "; "))
		}
		return nil, nil, stats, ErrHolds
	}
	s := &shrinker{ctx: ctx, h: h, checker: checker, budget: budget, deadline: deadline,
		anomaly: v.Violations[0].Anomaly, stats: &stats, told: told, links: linksOf(h)}
	keep := make([]bool, len(h.Ops))
	for i := range keep {
		keep[i] = true
	}
	s.keep, s.weak = keep, make([]bool, len(h.Ops))
	// What the checker names may suffice already.
	named := make([]bool, len(h.Ops))
	for _, o := range v.Violations[0].Ops {
		named[o] = true
	}
	s.only(named)
	s.byKey()
	s.byTime()
	s.bySession()
	stats.Minimal = s.byOperation()
	ops := s.left()
	stats.To = len(ops)
	for _, o := range ops {
		if s.weak[o] {
			stats.Weakened++
		}
	}
	sessions, keys := map[int32]bool{}, map[history.Key]bool{}
	for _, o := range ops {
		sessions[h.Ops[o].Session] = true
		for _, m := range h.Mops(&h.Ops[o]) {
			keys[m.Key] = true
		}
	}
	stats.Sessions, stats.Keys = len(sessions), len(keys)
	stats.Elapsed = time.Since(began)
	return s.part(ops, s.weak), ops, stats, nil
}

type shrinker struct {
	ctx      context.Context
	h        *history.History
	checker  checkers.Checker
	budget   checkers.Budget
	deadline time.Time
	anomaly  string
	stats    *Stats
	told     func(Stats)
	links    links
	keep     []bool
	weak     []bool // the compare-and-sets that stand for plain writes
}

// part is the history of ops, with those in weak made plain writes.
func (s *shrinker) part(ops []int, weak []bool) *history.History {
	part := s.h.Subset(ops)
	for i, o := range ops {
		if weak[o] {
			m := &part.Mops(&part.Ops[i])[0]
			m.Func, m.Expect = history.Write, 0
		}
	}
	return part
}

// anyAnomaly are the names that say no more than that a model is violated; what is
// left of such a violation often has a better one.
var anyAnomaly = []string{"no legal order", "contradictory order", "no version order"}

// thinAir are the anomalies that leaving operations out invents.
var thinAir = []string{explain.AnomalyThinAir, explain.AnomalyAborted, txn.AnomalyG1a}

// same tells whether a violation of a part is the one that is being made small.
func (s *shrinker) same(x checkers.Violation) bool {
	return x.Anomaly == s.anomaly || slices.Contains(anyAnomaly, s.anomaly) && !slices.Contains(thinAir, x.Anomaly)
}

func (s *shrinker) left() []int {
	var ops []int
	for i, k := range s.keep {
		if k {
			ops = append(ops, i)
		}
	}
	return ops
}

// late tells whether the time is up.
func (s *shrinker) late() bool { return s.ctx.Err() != nil }

// try drops operations, with what depends on them, and keeps the result if it
// still violates the model in the same way.
func (s *shrinker) try(drop []int) bool {
	if s.late() {
		return false
	}
	next, weak := slices.Clone(s.keep), slices.Clone(s.weak)
	n := 0
	stack := make([]int32, 0, len(drop))
	for _, o := range drop {
		if next[o] {
			next[o] = false
			n++
			stack = append(stack, int32(o))
		}
	}
	if n == 0 {
		return false
	}
	for len(stack) > 0 {
		o := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, d := range s.links.gone[o] {
			if next[d] {
				next[d] = false
				stack = append(stack, d)
			}
		}
		for _, d := range s.links.weak[o] {
			weak[d] = true
		}
	}
	return s.check(next, weak, false)
}

// check keeps next if it still violates the model in the same way, and, if it is
// alone what a checker named and not closed, in no other way.
func (s *shrinker) check(next, weak []bool, named bool) bool {
	var ops []int
	for i, k := range next {
		if k {
			ops = append(ops, i)
		}
	}
	if len(ops) == 0 {
		return false
	}
	s.stats.Candidates++
	if s.told != nil {
		now := *s.stats
		now.To = len(s.left())
		s.told(now)
	}
	part := s.part(ops, weak)
	if s.checker.Applies(part) != nil {
		return false
	}
	budget := s.budget
	budget.Time = time.Until(s.deadline)
	v, err := s.checker.Check(s.ctx, part, budget)
	if err != nil {
		return false
	}
	i := slices.IndexFunc(v.Violations, s.same)
	if i < 0 || named && slices.ContainsFunc(v.Violations, func(x checkers.Violation) bool { return !s.same(x) }) {
		return false
	}
	if named {
		// A part that is not closed may begin in the middle, where a lock was held.
		x := v.Violations[i]
		x.Ops = slices.Clone(x.Ops)
		for j := range x.Ops {
			x.Ops[j] = ops[x.Ops[j]]
		}
		if locks(part.Mop(&part.Ops[0]).Func) {
			if by, err := Verify(s.ctx, s.h, s.checker.Model(), &x); err != nil || by == "" {
				return false
			}
		}
	}
	s.keep, s.weak = next, weak
	// What the checker names in what is left may suffice by itself.
	if alone := v.Violations[i].Ops; len(alone) < len(ops) {
		fewer := make([]bool, len(next))
		for _, o := range alone {
			fewer[ops[o]] = true
		}
		s.check(fewer, s.weakAmong(fewer), true)
	}
	return true
}

// only tries to keep nothing but the operations named, which the checker itself
// has shown to be a proof, whatever else may have put the values there.
func (s *shrinker) only(named []bool) { s.check(named, s.weakAmong(named), true) }

// weakAmong are the compare-and-sets of keep that have lost what they compared
// with.
func (s *shrinker) weakAmong(keep []bool) []bool {
	weak := slices.Clone(s.weak)
	for o, kept := range keep {
		if !kept {
			for _, d := range s.links.weak[o] {
				weak[d] = true
			}
		}
	}
	return weak
}

// groups drops what can be dropped group by group, many groups at once first.
func (s *shrinker) groups(groups [][]int) {
	for size := len(groups) / 2; size >= 1; size /= 2 {
		for at := 0; at < len(groups); {
			var drop []int
			for _, g := range groups[at:min(at+size, len(groups))] {
				drop = append(drop, g...)
			}
			if s.late() {
				return
			}
			if s.try(drop) {
				groups = slices.DeleteFunc(groups, func(g []int) bool {
					return !slices.ContainsFunc(g, func(o int) bool { return s.keep[o] })
				})
				at = min(at, len(groups))
			} else {
				at += size
			}
		}
	}
}

func (s *shrinker) byKey() {
	s.groups(grouped(s.left(), func(o int) history.Key { return s.h.Mops(&s.h.Ops[o])[0].Key }))
}

// grouped are ops that have the same of something together, in the order in which that occurs.
func grouped[K comparable](ops []int, of func(op int) K) (groups [][]int) {
	at := map[K]int{}
	for _, o := range ops {
		k := of(o)
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], o)
	}
	return groups
}

// byTime finds the shortest beginning that is violated still.
func (s *shrinker) byTime() {
	ops := s.left()
	lo, hi := 0, len(ops) // the first hi operations suffice
	for lo+1 < hi && !s.late() {
		mid := (lo + hi) / 2
		if s.try(ops[mid:]) {
			// It may have dropped more than was asked.
			ops = s.left()
			lo, hi = 0, len(ops)
		} else {
			lo = mid
		}
	}
}

func (s *shrinker) bySession() {
	s.groups(grouped(s.left(), func(o int) int32 { return s.h.Ops[o].Session }))
}

// byOperation drops runs of operations and at last single ones until nothing
// more goes; it tells whether it came to that end.
func (s *shrinker) byOperation() bool {
	for {
		ops := s.left()
		before := len(ops)
		var groups [][]int
		for _, o := range ops {
			groups = append(groups, []int{o})
		}
		s.groups(groups)
		if s.late() {
			return false
		}
		if len(s.left()) == before {
			return true
		}
	}
}
