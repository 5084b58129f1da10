package session

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/models"
)

// The names of the models.
const (
	ReadYourWrites = models.ReadYourWrites
	MonotonicReads = models.MonotonicReads
)

// Models are the models of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:    checkers.SessionGuarantees,
		Name:      ReadYourWrites,
		Meaning:   "a session sees its own acknowledged writes, or newer ones",
		ImpliedBy: []string{causal.Causal, causal.PRAM},
		Risk:      "reads",
		Local:     true,
		New:       func() checkers.Checker { return New(ReadYourWrites) },
		Refute:    refuter(brute.Guarantee{OwnWrites: true}),
	}, {
		Family:    checkers.SessionGuarantees,
		Name:      MonotonicReads,
		Meaning:   "a session never reads an older value than it has read before",
		ImpliedBy: []string{causal.Causal, causal.PRAM},
		Risk:      "reads",
		Local:     true,
		New:       func() checkers.Checker { return New(MonotonicReads) },
		Refute:    refuter(brute.Guarantee{OwnReads: true}),
	}}
}

func refuter(g brute.Guarantee) checkers.Refuter {
	return refute.OneKey(0, func(ops []register.Op, sessions []int32) bool { return brute.Session(g, ops, sessions) })
}
