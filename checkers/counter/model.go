package counter

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
)

// The names of the models.
const (
	Model    = models.Counter
	Eventual = models.CounterEventual
)

// impossibleSum is the anomaly of a read that is within its bounds, but that no choice of
// increments gives.
const impossibleSum = "impossible sum"

// Anomalies of two reads that follow one another: the second is less, or more, than
// what can have come between allows.
const (
	wentBack = "counter went back"
	jumped   = "counter jumped"
)

// Models are the models of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:  checkers.DataTypes,
		Name:    Model,
		Meaning: "a read of a counter returns a sum of increments that real time allows",
		Implies: []string{Eventual},
		Risk:    "reads",
		Local:   true,
		New:     New,
		Refute:  refute.Definition(refuted),
	}, {
		Family:  checkers.InTheEnd,
		Name:    Eventual,
		Meaning: "once increments have stopped and faults are healed, a counter holds every acknowledged one, once",
		Risk:    "final reads",
		New:     NewEventual,
		Refute:  refute.Definition(refutedInTheEnd),
	}}
}
