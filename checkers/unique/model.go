package unique

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
)

// Model is the model's name.
const Model = models.Unique

// Models is the model of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:  checkers.DataTypes,
		Name:    Model,
		Meaning: "no identifier is given out twice",
		Risk:    "identifiers",
		New:     New,
		Refute:  refute.Definition(refuted),
	}}
}
