package bank

import (
	"strconv"

	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/history"
)

// refuted: a read of the witness has a balance below zero, misses an account that was
// opened before, or has another total than the bank or another read of the same
// accounts.
func refuted(p *refute.Proof) bool {
	total, known := history.Value(0), false
	if n, err := strconv.ParseInt(p.H.Header.Attributes["total"], 10, 64); err == nil {
		total, known = history.Value(n), true
	}
	sums := map[history.Value]bool{}
	for _, i := range p.V.Ops {
		op := p.Op(i)
		mops := p.H.Mops(op)
		sum, reads := history.Value(0), 0
		for j := range mops {
			m := &mops[j]
			if m.Func != history.Read || !refute.Observed(op, m) {
				continue
			}
			reads++
			if m.Ret != history.Absent {
				sum += m.Ret
			}
			switch p.V.Anomaly {
			case NegativeBalance:
				if m.Ret != history.Absent && m.Ret < 0 {
					return true
				}
			case MissingAccount:
				if m.Ret == history.Absent && p.Each(m.Key, func(_ int, o *history.Op, x *history.Mop) bool {
					return x.Func == history.Write && o.Outcome == history.OK && o.Complete < op.Invoke
				}) {
					return true
				}
			}
		}
		if reads > 0 {
			sums[sum] = true
		}
	}
	if p.V.Anomaly != WrongTotal {
		return false
	}
	return len(sums) > 1 || known && len(sums) == 1 && !sums[total]
}
