package counter

import (
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/history"
)

// refuted: some read of the witness is out of the bounds that the increments set, or
// differs from one before it by more than what can have come between.
func refuted(p *refute.Proof) bool {
	type seen struct {
		op  *history.Op
		key history.Key
		v   history.Value
	}
	var reads []seen
	p.Mops(func(op *history.Op, m *history.Mop) {
		if m.Func == history.ReadCounter && refute.Observed(op, m) {
			reads = append(reads, seen{op, m.Key, value(m)})
		}
	})
	for _, r := range reads {
		if p.V.Anomaly == wentBack || p.V.Anomaly == jumped {
			for _, s := range reads {
				if s.key == r.key && s.op.Complete < r.op.Invoke && movedTooFar(p, s.op, r.op, r.key, r.v-s.v) {
					return true
				}
			}
			continue
		}
		low, high := history.Value(0), history.Value(0)
		p.Each(r.key, func(_ int, op *history.Op, m *history.Mop) bool {
			if m.Func != history.Increment {
				return false
			}
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
		if r.v < low || r.v > high {
			return true
		}
	}
	return false
}

// movedTooFar: the increments that were not over when the first read began and had begun
// when the second ended cannot change the counter by so much.
func movedTooFar(p *refute.Proof, first, second *history.Op, key history.Key, by history.Value) bool {
	least, most := history.Value(0), history.Value(0)
	p.Each(key, func(_ int, op *history.Op, m *history.Mop) bool {
		over := op.Outcome == history.OK && op.Complete < first.Invoke
		if m.Func == history.Increment && op.Outcome != history.Fail && !over && op.Invoke <= second.Complete {
			least, most = least+min(m.Arg, 0), most+max(m.Arg, 0)
		}
		return false
	})
	return by < least || by > most
}
