package results

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// EvidenceText is the evidence behind a verdict in one line.
func EvidenceText(v checkers.Verdict) string { return evidenceText(v) }

// LevelText names the consistency levels that matter for op, such as "W=ONE",
// empty if none is known.
func LevelText(h *history.History, op *history.Op) string { return levelText(h, op) }

// LoadPhase is when the load ran: from its phase event to the next one; the
// whole history if there are no such events.
func LoadPhase(h *history.History) (begin, end history.Time) { return loadPhase(h) }

// FaultText is a fault in one line: what it was, since when, and whether it was
// seen to be over.
func FaultText(f *history.Fault) string { return faultText(f) }
