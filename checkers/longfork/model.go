package longfork

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
)

// Model is the model's name: that there is no long fork.
const Model = models.LongFork

// Models is the model of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:  checkers.DataTypes,
		Name:    Model,
		Meaning: "no two readers see two writes in opposite orders",
		Risk:    "reads",
		New:     New,
		Refute:  refute.Definition(refuted),
	}}
}
