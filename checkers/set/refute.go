package set

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/history"
)

// goneForGood tells, of a lost element, whether an operation of the witness shows that v
// was in the set and no removal can have come after it, and no read that began after a
// later read of the witness that missed v saw it.
func goneForGood(p *refute.Proof, v history.Value) bool {
	if p.V.Anomaly != refute.LostElement {
		return true
	}
	missed := history.Time(-1)
	p.Mops(func(op *history.Op, m *history.Mop) {
		if m.Func == history.ReadSet && refute.Observed(op, m) && !slices.Contains(p.H.List(m), v) {
			missed = max(missed, op.Invoke)
		}
	})
	known := history.Time(-1) // the latest beginning of what shows that it was there
	p.Mops(func(op *history.Op, m *history.Mop) {
		shows := m.Func == history.Add && m.Arg == v && op.Outcome == history.OK ||
			m.Func == history.ReadSet && refute.Observed(op, m) && slices.Contains(p.H.List(m), v)
		if shows && op.Complete < missed {
			known = max(known, op.Invoke)
		}
	})
	if missed < 0 || known < 0 {
		return false
	}
	for i := range p.H.Ops {
		op := p.Op(i)
		mops := p.H.Mops(op)
		for j := range mops {
			m := &mops[j]
			if p.H.KeyName(m.Key) != p.V.Key {
				continue
			}
			if m.Func == history.Remove && m.Arg == v && op.Outcome != history.Fail && op.Complete >= known ||
				m.Func == history.ReadSet && refute.Observed(op, m) && op.Invoke >= missed && slices.Contains(p.H.List(m), v) {
				return false
			}
		}
	}
	return true
}
