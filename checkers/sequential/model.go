package sequential

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/internal/oracle"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
)

// Model is the model's name.
const Model = models.Sequential

// Models is the model of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:    checkers.Registers,
		Name:      Model,
		Meaning:   "all operations have one order that keeps every session's own",
		ImpliedBy: []string{linearizable.Model},
		Implies:   []string{causal.Memory, causal.Convergent},
		Risk:      "reads",
		Monotone:  true,
		New:       func() checkers.Checker { return New() },
		Refute: refute.Part(func(_ string, part *history.History, _ []int32) (string, bool) {
			o := oracle.New(part)
			if !o.Small() {
				return "", false
			}
			return refute.ByOrders, !o.Sequential()
		}),
	}}
}
