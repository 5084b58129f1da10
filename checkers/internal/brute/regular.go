package brute

import "github.com/lapse-test/lapse/checkers/internal/register"

// Regular tells whether every read among the operations of one key returns the
// value of a write (the initial one lies before everything) that it overlaps or
// that no other write separates from it; with safe, only reads that overlap no
// write are held to that.
func Regular(ops []register.Op, safe bool) bool {
	initial := register.Op{Inv: register.Before, Ret: register.Before, Val: register.Initial, Kind: register.Write}
	writes := []register.Op{initial}
	for _, op := range ops {
		if op.Installs() {
			writes = append(writes, op)
		}
	}
	for _, r := range ops {
		v := r.Saw()
		if v == register.None || safe && r.Kind == register.CAS {
			continue
		}
		good, overlaps := false, false
		for _, w := range writes {
			if w.At == r.At && w.Inv != register.Before {
				continue // its own
			}
			if w.Inv <= r.Ret && w.Ret >= r.Inv && w.Inv != register.Before {
				overlaps = true
			}
			if w.Val != v || w.Inv > r.Ret {
				continue
			}
			separated := false
			for _, x := range writes {
				if w.Ret < x.Inv && x.Ret < r.Inv {
					separated = true
				}
			}
			good = good || !separated
		}
		if !good && (!safe || !overlaps) {
			return false
		}
	}
	return true
}
