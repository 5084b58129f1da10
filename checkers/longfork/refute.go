package longfork

import (
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/history"
)

// refuted: two reads of the witness, of which each saw a key written that the other
// did not, and no key was written twice.
func refuted(p *refute.Proof) bool {
	writes := map[history.Key]int{}
	for i := range p.H.Ops {
		for _, m := range p.H.Mops(p.Op(i)) {
			if m.Func == history.Write && p.Op(i).Outcome != history.Fail {
				writes[m.Key]++
			}
		}
	}
	saw := func(i int, k history.Key) (written, read bool) {
		op := p.Op(i)
		mops := p.H.Mops(op)
		for j := range mops {
			if m := &mops[j]; m.Key == k && m.Func == history.Read && refute.Observed(op, m) {
				return !p.Initial(m.Ret), true
			}
		}
		return false, false
	}
	apart := func(a, b int) bool { // some key that a saw written and b did not
		for _, m := range p.H.Mops(p.Op(a)) {
			one, _ := saw(a, m.Key)
			other, read := saw(b, m.Key)
			if one && read && !other && writes[m.Key] <= 1 {
				return true
			}
		}
		return false
	}
	for _, a := range p.V.Ops {
		for _, b := range p.V.Ops {
			if a != b && apart(a, b) && apart(b, a) {
				return true
			}
		}
	}
	return false
}
