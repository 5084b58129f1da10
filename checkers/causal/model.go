package causal

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
)

// The names of the models; those of the guarantees are in guarantees.go.
const (
	Causal     = models.Causal
	Convergent = "causal-convergent"
	Memory     = "causal-memory"
	PRAM       = "pram"
)

// Models are the models of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:   checkers.Registers,
		Name:     Memory,
		Meaning:  "each session sees all writes in an order of its own that respects causality",
		Implies:  []string{Causal, PRAM},
		Risk:     "reads",
		Monotone: true,
		New:      func() checkers.Checker { return New(Memory) },
		Refute:   views(brute.Causally{Views: true}),
	}, {
		Family:   checkers.Registers,
		Name:     Convergent,
		Meaning:  "no read misses what came causally before it, and all agree on one order of writes",
		Implies:  []string{Causal},
		Risk:     "reads",
		Monotone: true,
		New:      func() checkers.Checker { return New(Convergent) },
		Refute:   views(brute.Causally{Convergent: true}),
	}, {
		Family:   checkers.Registers,
		Name:     Causal,
		Meaning:  "no read misses what came causally before it",
		Implies:  []string{MonotonicWrites, WritesFollowReads},
		Risk:     "reads",
		Monotone: true,
		New:      func() checkers.Checker { return New(Causal) },
		Refute:   views(brute.Causally{}),
	}, {
		Family:   checkers.Registers,
		Name:     PRAM,
		Meaning:  "each session sees all writes in an order that keeps every session's own order",
		Implies:  []string{MonotonicWrites},
		Risk:     "reads",
		Monotone: true,
		New:      func() checkers.Checker { return New(PRAM) },
		Refute:   views(brute.Causally{Views: true, SessionAlone: true}),
	}, {
		Family:   checkers.SessionGuarantees,
		Name:     MonotonicWrites,
		Meaning:  "whoever sees a write of a session sees its earlier writes",
		Risk:     "reads",
		Monotone: true,
		New:      func() checkers.Checker { return New(MonotonicWrites) },
		Refute:   writeOrder(false),
	}, {
		Family:   checkers.SessionGuarantees,
		Name:     WritesFollowReads,
		Meaning:  "whoever sees a write sees what its session had read before",
		Risk:     "reads",
		Monotone: true,
		New:      func() checkers.Checker { return New(WritesFollowReads) },
		Refute:   writeOrder(true),
	}}
}

func views(definition brute.Causally) checkers.Refuter {
	return refute.Sessions(refute.ByOrders, func(_ *history.History, f *register.Flat, in []int32) bool {
		return definition.Satisfied(f, in)
	})
}

func writeOrder(followReads bool) checkers.Refuter {
	return refute.Sessions(refute.ByDefinition, func(part *history.History, f *register.Flat, in []int32) bool {
		return brute.WriteOrder(part, f, in, followReads)
	})
}
