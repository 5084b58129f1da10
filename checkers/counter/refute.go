package counter

import (
	"maps"
	"math/big"
	"slices"

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
		var open, never []history.Value
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
			switch {
			case acked || !begun:
			case op.Outcome == history.OK:
				open = append(open, max(m.Arg, -m.Arg))
			default:
				never = append(never, max(m.Arg, -m.Arg))
			}
			return false
		})
		if p.V.Anomaly == impossibleSum {
			if low <= r.v && r.v <= high && noSubset(min(r.v-low, high-r.v), open, never) {
				return true
			}
			continue
		}
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

// noSubset tells whether no subset of some numbers and others has the sum want.
func noSubset(want history.Value, some, others []history.Value) bool {
	divisor, total := new(big.Int), history.Value(0)
	useful := func(ns []history.Value) (out []history.Value) {
		for _, n := range ns {
			if n > 0 && n <= want {
				out = append(out, n)
				divisor.GCD(nil, nil, divisor, big.NewInt(int64(n)))
				total += n
			}
		}
		return out
	}
	some, others = useful(some), useful(others)
	step := history.Value(divisor.Int64())
	switch {
	case want == 0:
		return false
	case total < want || want%step != 0:
		return true
	}
	const most = 1 << 24 // bits
	if want/step < most {
		// Bit n is set if there is a subset of sum n.
		sums := big.NewInt(1)
		mask := new(big.Int).Lsh(big.NewInt(1), uint(want/step)+1)
		mask.Sub(mask, big.NewInt(1))
		for _, n := range slices.Concat(some, others) {
			sums.Or(sums, new(big.Int).Lsh(sums, uint(n/step))).And(sums, mask)
		}
		return sums.Bit(int(want/step)) == 0
	}
	of := func(ns []history.Value) map[history.Value]bool {
		sums := map[history.Value]bool{0: true}
		for _, n := range ns {
			for _, sum := range slices.Collect(maps.Keys(sums)) {
				if sum <= want-n {
					sums[sum+n] = true
				}
			}
		}
		return sums
	}
	b := of(others)
	for sum := range of(some) {
		if b[want-sum] {
			return false
		}
	}
	return true
}
