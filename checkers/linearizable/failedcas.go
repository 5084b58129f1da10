package linearizable

import (
	"sort"

	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// A failed compare-and-set that does not tell the value (register.FailedCAS) says that there
// was a moment at which the value was not the expected one. Nearly always that
// follows from the other operations in every legal order, and then it can be
// left out, which brings most keys back to the fast algorithm:
//
//   - nobody can have installed the expected value before the failed CAS began;
//   - an operation on another value lies within it;
//   - the expected value was replaced before it ended: an operation on another
//     value began after one on the expected value had ended, and itself ended
//     before the failed CAS did;
//   - the expected value came only after it began: an operation on another value
//     that began after the failed CAS ended before one on the expected value began.
//
// The last two need values that name their writes, since such a value never
// comes back.

// firsts answers which operation on another value than a given one ends first,
// among those that begin from some time on.
type firsts struct {
	ops  []register.Op
	best []firstTwo // by position: over the operations from there on
}

// firstTwo are the two earliest answers of operations on different values.
type firstTwo struct {
	ret  [2]history.Time
	val0 int32
}

func newFirsts(k *register.Key) firsts {
	f := firsts{k.Ops, make([]firstTwo, len(k.Ops)+1)}
	two := firstTwo{ret: [2]history.Time{history.Never, history.Never}, val0: register.None}
	f.best[len(k.Ops)] = two
	for i := len(k.Ops) - 1; i >= 0; i-- {
		op := &k.Ops[i]
		if op.Val != register.None && op.Ret != history.Never {
			switch {
			case op.Ret < two.ret[0]:
				if op.Val != two.val0 {
					two.ret[1] = two.ret[0]
				}
				two.ret[0], two.val0 = op.Ret, op.Val
			case op.Val != two.val0 && op.Ret < two.ret[1]:
				two.ret[1] = op.Ret
			}
		}
		f.best[i] = two
	}
	return f
}

// other is the first answer among the operations that begin at t or later and
// are not on the value v.
func (f *firsts) other(t history.Time, v int32) history.Time {
	i := sort.Search(len(f.ops), func(i int) bool { return f.ops[i].Inv >= t })
	two := &f.best[i]
	if two.val0 != v {
		return two.ret[0]
	}
	return two.ret[1]
}

// dropFailedCASes drops from k the failed compare-and-sets that follow from the rest.
// clusters are those of zoner.decide, which must have found no contradiction; nil
// if the values are not unique.
func dropFailedCASes(k *register.Key, clusters []cluster) {
	if k.FailedCASes == 0 || k.Concats > 0 {
		return
	}
	f := newFirsts(k)
	for i := range k.Ops {
		op := &k.Ops[i]
		if op.Kind != register.FailedCAS {
			continue
		}
		u := op.Exp
		drop := u < 0 || f.other(op.Inv, u) <= op.Ret
		if !drop && clusters != nil {
			c := &clusters[u]
			ended, began := min(c.wRet, c.minRet), max(c.wInv, c.maxInv)
			drop = c.wInv > op.Inv || f.other(op.Inv, u) < began
			if !drop && ended != history.Never {
				drop = f.other(ended+1, u) <= op.Ret
			}
		}
		if drop {
			k.Drop(i)
		}
	}
}
