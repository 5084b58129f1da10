package counter

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
)

// Model is the model's name.
const Model = models.Counter

// wentBack is the anomaly of two reads that follow one another.
const wentBack = "counter went back"

// Models is the model of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:  checkers.DataTypes,
		Name:    Model,
		Meaning: "a read of a counter returns a sum of increments that real time allows",
		Risk:    "reads",
		Local:   true,
		New:     New,
		Refute:  refute.Definition(refuted),
	}}
}
