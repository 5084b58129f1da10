package eventual

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/history"
)

// refuted: final reads of the witness returned two values that no write without an
// answer can have brought, or went from one to another and back.
func refuted(p *refute.Proof) bool {
	from, to, err := converged(p.H)
	if err != nil {
		return false
	}
	type reading struct {
		op *history.Op
		v  history.Value
	}
	var reads []reading
	settled := func(key history.Key, v history.Value) bool {
		return !p.Each(key, func(_ int, op *history.Op, m *history.Mop) bool {
			return op.Outcome == history.Info && (m.Func.Installs() && m.Arg == v || m.Func == history.Delete && v == history.Absent)
		})
	}
	var firm []reading
	p.Mops(func(op *history.Op, m *history.Mop) {
		if m.Func != history.Read || !refute.Observed(op, m) || op.Invoke <= from || op.Invoke >= to {
			return
		}
		r := reading{op, m.Ret}
		reads = append(reads, r)
		if settled(m.Key, m.Ret) {
			firm = append(firm, r)
		}
	})
	for _, a := range firm {
		if slices.ContainsFunc(firm, func(b reading) bool { return b.v != a.v }) {
			return true
		}
	}
	for _, a := range reads {
		for _, b := range reads {
			for _, c := range reads {
				if a.v == c.v && a.v != b.v && a.op.Complete < b.op.Invoke && b.op.Complete < c.op.Invoke {
					return true
				}
			}
		}
	}
	return false
}
