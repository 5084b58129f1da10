package counter

import (
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/history"
)

// refuted: some read of the witness is out of the bounds that the increments set, or
// went back though nothing was subtracted.
func refuted(p *refute.Proof) bool {
	type reading struct {
		op  *history.Op
		key history.Key
		v   history.Value
	}
	var reads []reading
	p.Mops(func(op *history.Op, m *history.Mop) {
		if m.Func == history.ReadCounter && refute.Observed(op, m) {
			reads = append(reads, reading{op, m.Key, m.Ret})
		}
	})
	for _, r := range reads {
		low, high, negative := history.Value(0), history.Value(0), false
		p.Each(r.key, func(_ int, op *history.Op, m *history.Mop) bool {
			if m.Func != history.Increment {
				return false
			}
			negative = negative || m.Arg < 0
			acked := op.Outcome == history.OK && op.Complete < r.op.Invoke
			begun := op.Invoke <= r.op.Complete
			if acked || begun && m.Arg < 0 {
				low += m.Arg
			}
			if acked || begun && m.Arg > 0 {
				high += m.Arg
			}
			return false
		})
		if p.V.Anomaly != wentBack {
			if r.v < low || r.v > high {
				return true
			}
			continue
		}
		for _, s := range reads {
			if !negative && s.op.Complete < r.op.Invoke && s.key == r.key && s.v > r.v {
				return true
			}
		}
	}
	return false
}
