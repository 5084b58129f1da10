package log

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
)

// Model is the model's name.
const Model = models.Log

// Retention is Model where the database may delete the oldest messages of a log.
const Retention = "log-retention"

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

// Models are the models of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:  checkers.DataTypes,
		Name:    Model,
		Meaning: "every message that was sent to a log has one offset there, and consumers get them all in that order",
		Implies: []string{Retention},
		Risk:    "messages",
		New:     New,
		Refute:  refute.Definition(func(p *refute.Proof) bool { return refuted(p) || headLost(p) }),
	}, {
		Family:  checkers.DataTypes,
		Name:    Retention,
		Meaning: "as " + Model + ", where the oldest messages of a log may be deleted",
		Risk:    "messages",
		New:     NewRetention,
		Refute:  refute.Definition(refuted),
	}}
}
