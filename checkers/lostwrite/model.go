package lostwrite

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/checkers/regular"
)

// Model is the model's name.
const Model = models.NoLostWrites

// Models is the model of this package. Its witnesses are verified as those of
// linearizability, which a lost write breaks as well.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:    checkers.InTheEnd,
		Name:      Model,
		Meaning:   "an acknowledged write is not gone unless a newer one replaced it",
		ImpliedBy: []string{regular.Regular},
		Risk:      "reads",
		Local:     true,
		Counts:    "acknowledged writes lost",
		New:       func() checkers.Checker { return New() },
		Refute: refute.OneKey(refute.MaxOneKey, func(ops []register.Op, _ []int32) bool {
			refute.Weaken(ops)
			return brute.Linearizable(ops)
		}),
	}}
}
