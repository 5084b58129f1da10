package linearizable

import (
	"context"

	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// Refuted asks Porcupine whether exactly the operations ops of h, ascending
// indexes of register operations on one key, are not linearizable: then neither
// is h. Checkers of other models certify witnesses with it whose operations break
// linearizability too. A compare-and-set of a value that none of them installs
// counts as a plain write, which demands less. It gives up, with false, after a
// few seconds.
func Refuted(ctx context.Context, h *history.History, ops []int) bool {
	var k register.Key
	register.LoadOps(h, ops, &k)
	weak := map[int32]bool{}
	for i := range k.Ops {
		if op := &k.Ops[i]; op.Kind == register.CAS && op.Exp == register.Unknown {
			weak[int32(i)] = true
		}
	}
	return refutedByPorcupine(ctx, h, &k, everything(&k), weak, certifyLimit)
}
