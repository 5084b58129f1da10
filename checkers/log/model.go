package log

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
)

// Model is the model's name.
const Model = models.Log

// The anomalies of logs.
const (
	lostMessage   = "lost message"
	duplicate     = "duplicate message"
	reordered     = "inconsistent offsets"
	unexpected    = "unexpected message"
	abortedRead   = "aborted read"
	backwards     = "non-monotonic poll"
	skipped       = "skipped messages"
	sendBackwards = "non-monotonic send"
)

// Models is the model of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:  checkers.DataTypes,
		Name:    Model,
		Meaning: "every message that was sent to a log has one offset there, and consumers get them all in that order",
		Risk:    "messages",
		New:     New,
		Refute:  refute.Definition(refuted),
	}}
}
