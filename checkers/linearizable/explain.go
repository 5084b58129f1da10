package linearizable

import (
	"context"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/evidence"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// Explain puts into words that the operations ops of h, ascending indexes of
// register operations on one key, are not linearizable, and certifies it, for
// checkers of other models whose witnesses break linearizability too. The
// violation is named after model.
func Explain(ctx context.Context, h *history.History, model string, ops []int, faults *evidence.Windows) checkers.Violation {
	var k register.Key
	register.LoadOps(h, ops, &k)
	sub := subset{pos: everything(&k), weak: map[int32]bool{}}
	for _, p := range sub.pos {
		if op := &k.Ops[p]; op.Kind == register.CAS && op.Exp == register.Unknown {
			sub.weak[p] = true
		}
	}
	v := violation(ctx, h, &k, sub, faults, certifyLimit)
	v.Model = model
	return v
}
