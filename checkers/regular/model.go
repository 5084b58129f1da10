package regular

import (
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/models"
)

// The names of the models.
const (
	Regular = models.Regular
	Safe    = models.Safe
)

// Models are the models of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:    checkers.Registers,
		Name:      Regular,
		Meaning:   "an acknowledged write is seen by every later read: what W+R>N promises by itself",
		ImpliedBy: []string{linearizable.Model},
		Implies:   []string{Safe},
		Risk:      "reads",
		Local:     true,
		New:       func() checkers.Checker { return New(Regular) },
		Refute:    refute.OneKey(0, func(ops []register.Op, _ []int32) bool { return !irregular(ops, false) }),
	}, {
		Family:  checkers.Registers,
		Name:    Safe,
		Meaning: "as regular, for reads that overlap no write",
		Risk:    "reads",
		Local:   true,
		New:     func() checkers.Checker { return New(Safe) },
		Refute:  refute.OneKey(0, func(ops []register.Op, _ []int32) bool { return !irregular(ops, true) }),
	}}
}

// irregular tells whether some read among ops is of a value that regularity (or
// safety) forbids; what other operations saw is left aside.
func irregular(ops []register.Op, safe bool) bool {
	for r := range ops {
		shown := slices.Clone(ops)
		for i := range shown {
			if i != r && shown[i].Kind == register.CAS {
				shown[i].Kind, shown[i].Exp = register.Write, register.None
			}
		}
		if !brute.Regular(shown, safe) {
			return true
		}
	}
	return false
}
