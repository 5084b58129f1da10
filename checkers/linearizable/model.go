package linearizable

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/brute"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/models"
)

// Model is the model's name.
const Model = models.Linearizable

// Models is the model of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:  checkers.Registers,
		Name:    Model,
		Meaning: "every operation takes effect at one moment between its invocation and its answer",
		Risk:    "reads",
		Local:   true,
		New:     func() checkers.Checker { return New(Auto) },
		Refute: refute.OneKey(refute.MaxOneKey, func(ops []register.Op, _ []int32) bool {
			refute.Weaken(ops)
			return brute.Linearizable(ops)
		}),
	}}
}
