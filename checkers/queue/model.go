package queue

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
)

// The names of the models.
const (
	Model = models.Queue
	FIFO  = "fifo-queue"
)

// Models are the models of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:  checkers.DataTypes,
		Name:    FIFO,
		Meaning: "every key is a linearizable first-in first-out queue",
		Implies: []string{Model},
		Risk:    "dequeues",
		Local:   true,
		New:     func() checkers.Checker { return NewFIFO() },
		Refute:  refute.Object(),
	}, {
		Family:  checkers.DataTypes,
		Name:    Model,
		Meaning: "every element that was put into a queue comes out once, and nothing else",
		Risk:    "dequeues",
		Local:   true,
		New:     func() checkers.Checker { return New() },
		Refute:  refute.WeakObject(nil),
	}}
}
