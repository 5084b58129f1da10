package linearizable

import (
	"context"
	"sync/atomic"

	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// DeltaResult measures a history's distance in time from a linearizable one.
type DeltaResult struct {
	// Delta is the least time by which all reads of each key would have to start
	// earlier for the key to be linearizable, over all keys for which there is
	// one; 0 if they are linearizable.
	Delta history.Time
	// Unbounded counts the keys for which there is none, Undecided those whose
	// values are not unique or that the time did not suffice for.
	Unbounded, Undecided int
}

// Delta measures h, whose operations must be plain register operations
// (delta-atomicity, Golab, Li and Shah 2011): a binary search over the zones
// algorithm for each key that is not linearizable. Failed compare-and-sets that
// tell no value are left out of account.
func Delta(ctx context.Context, h *history.History) (DeltaResult, error) {
	set, err := register.Split(h, "delta", false)
	if err != nil {
		return DeltaResult{}, err
	}
	var stopped atomic.Bool
	defer context.AfterFunc(ctx, func() { stopped.Store(true) })()
	var res DeltaResult
	var k register.Key
	var z zoner
	for n := range set.Keys {
		if stopped.Load() {
			res.Undecided++
			continue
		}
		set.Load(n, &k)
		switch {
		case !k.Unique:
			res.Undecided++
			continue
		case z.decide(&k, stopped.Load).fault == none:
			continue
		}
		last := history.Time(0)
		invs := make([]history.Time, len(k.Ops))
		for i := range k.Ops {
			invs[i] = k.Ops[i].Inv
			last = max(last, invs[i])
		}
		holds := func(d history.Time) bool {
			for i := range k.Ops {
				if k.Ops[i].Kind == register.Read {
					k.Ops[i].Inv = invs[i] - d
				}
			}
			return z.decide(&k, stopped.Load).fault == none
		}
		if !holds(last + 1) {
			res.Unbounded++
			continue
		}
		lo, hi := history.Time(0), last+1 // not enough, enough
		for lo+1 < hi {
			if mid := (lo + hi) / 2; holds(mid) {
				hi = mid
			} else {
				lo = mid
			}
		}
		if stopped.Load() {
			res.Undecided++
			continue
		}
		res.Delta = max(res.Delta, hi)
	}
	return res, nil
}
