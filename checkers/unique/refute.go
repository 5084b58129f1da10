package unique

import (
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/history"
)

// refuted: two operations of the witness were given one identifier.
func refuted(p *refute.Proof) bool {
	given := map[history.Value]bool{}
	twice := false
	p.Mops(func(op *history.Op, m *history.Mop) {
		if op.Outcome == history.OK && refute.Observed(op, m) {
			twice = twice || given[m.Ret]
			given[m.Ret] = true
		}
	})
	return twice
}
