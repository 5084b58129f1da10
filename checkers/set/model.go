package set

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
)

// The names of the models.
const (
	Model        = models.Set
	Linearizable = models.SetLinearizable
	Eventual     = models.SetEventual
)

// Models are the models of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:  checkers.DataTypes,
		Name:    Linearizable,
		Meaning: "every key is a linearizable set (of sets without removals)",
		Implies: []string{Model},
		Risk:    "reads",
		Local:   true,
		New:     NewLinearizable,
		Refute:  refute.Object(),
	}, {
		Family:  checkers.DataTypes,
		Name:    Model,
		Meaning: "an element that is known to be in a set stays there, and nothing else is in it",
		Risk:    "elements",
		Local:   true,
		New:     func() checkers.Checker { return New() },
		Refute:  refute.WeakObject(goneForGood),
	}, {
		Family:    checkers.InTheEnd,
		Name:      Eventual,
		Meaning:   "once changes have stopped and faults are healed, every replica of a set has what was added and not removed, and nothing else",
		ImpliedBy: []string{Linearizable},
		Risk:      "elements in final reads",
		New:       NewEventual,
		Refute:    refute.Definition(refutedInTheEnd),
	}}
}
