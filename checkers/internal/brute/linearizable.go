// Package brute decides small histories by trying everything. Its functions are
// slow, short and written straight from the definitions: tests compare the fast
// checkers with them, and no witness is shown before one of them has refuted it
// again.
package brute

import (
	"github.com/lapse-test/lapse/checkers/internal/register"
)

// MaxOps bounds the operations that the functions of this package accept.
const MaxOps = 24

// Linearizable tells whether the operations of one key have a legal order that
// respects real time (Herlihy and Wing 1990): a.Ret < b.Inv puts a first.
// Operations without an answer may be left out. Appends are not understood. At
// most MaxOps operations.
func Linearizable(ops []register.Op) bool {
	return ordered(ops, func(a, b *register.Op) bool { return a.Ret < b.Inv })
}

// ordered tells whether the operations of one register have a legal order that
// respects before.
func ordered(ops []register.Op, before func(a, b *register.Op) bool) bool {
	type config struct {
		done  uint32
		state int32
	}
	must := uint32(0)
	pred := make([]uint32, len(ops))
	for i := range ops {
		if !ops[i].Info() {
			must |= 1 << i
		}
		for j := range ops {
			if i != j && before(&ops[j], &ops[i]) {
				pred[i] |= 1 << j
			}
		}
	}
	seen := map[config]bool{}
	var try func(c config) bool
	try = func(c config) bool {
		if c.done&must == must {
			return true
		}
		if seen[c] {
			return false
		}
		seen[c] = true
		for i := range ops {
			if c.done>>i&1 == 1 || pred[i]&^c.done != 0 {
				continue
			}
			if next, ok := step(&ops[i], c.state); ok && try(config{c.done | 1<<i, next}) {
				return true
			}
			if ops[i].Info() && try(config{c.done | 1<<i, c.state}) {
				return true
			}
		}
		return false
	}
	return try(config{0, register.Initial})
}

// step returns the register's state after op, if op is legal in state.
func step(op *register.Op, state int32) (int32, bool) {
	switch op.Kind {
	case register.Read:
		return state, op.Val == state
	case register.Write:
		return op.Val, true
	case register.CAS:
		return op.Val, op.Exp == state
	case register.FailedCAS:
		return state, op.Exp != state
	}
	return state, false
}
