package eventual

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
)

// Model is the model's name.
const Model = models.Eventual

// Models is the model of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:   checkers.InTheEnd,
		Name:     Model,
		Meaning:  "once writes have stopped and faults are healed, all replicas return one value",
		Risk:     "final reads",
		Replicas: true,
		New:      func() checkers.Checker { return New() },
		Refute:   refute.Definition(refuted),
	}}
}
