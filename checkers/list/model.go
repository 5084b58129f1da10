package list

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
)

// Model is the model's name.
const Model = models.List

// Models is the model of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:  checkers.DataTypes,
		Name:    Model,
		Meaning: "every key is a linearizable append-only list",
		Risk:    "reads",
		New:     New,
		Refute:  refute.Object(),
	}}
}
