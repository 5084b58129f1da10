package explain

import (
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// The anomalies of registers of which it is said that nobody wrote what was seen, or only
// somebody who failed. Leaving operations out of a history invents them.
const (
	AnomalyThinAir = "thin-air read"
	AnomalyAborted = "aborted read"
)

// Thin is a value that was seen although nobody can have written it, in words.
type Thin struct {
	Anomaly, Sentence string
	Steps             []checkers.Step
	// Context are further operations worth showing, that prove nothing.
	Context []int
}

// ThinAir tells what is known about operation i of h, a register operation
// that saw what nobody can have written: that nobody tried to, that whoever tried
// failed, or that it can only have come from a compare-and-set whose own condition
// can never have been true.
func ThinAir(h *history.History, i int) Thin {
	out := Thin{Anomaly: AnomalyThinAir}
	key := h.Mop(&h.Ops[i]).Key
	seen := saw(h, i)
	why := "nobody wrote " + h.ValueText(seen) + " to " + h.KeyName(key)
	if f := writerOf(h, key, seen, i, true); f >= 0 {
		// A failed write of that very value is the likeliest story.
		out.Anomaly, out.Context = AnomalyAborted, []int{f}
		why = fmt.Sprintf("its only write, by session %d, had failed", h.Ops[f].Session)
		out.Steps = append(out.Steps, checkers.Step{From: f, To: i, Kind: "aborted",
			Why: "the write certainly had no effect, yet its value was seen"})
	}
	// A chain of compare-and-sets back to what nobody wrote, or around in a ring.
	told := map[history.Value]bool{}
	for at := i; !told[seen]; {
		told[seen] = true
		w := writerOf(h, key, seen, at, false)
		if w < 0 {
			if own := h.Mop(&h.Ops[at]); own.Func == history.CAS && own.Arg == own.Expect && len(told) == 1 && out.Context == nil {
				why = "nobody else wrote " + h.ValueText(seen) + " to " + h.KeyName(key)
			}
			break
		}
		if len(told) == 1 {
			why = ""
		} else {
			why += ", and "
		}
		from := h.Mop(&h.Ops[w]).Expect
		why += fmt.Sprintf("only a compare-and-set of %s can have written %s", h.ValueText(from), h.ValueText(seen))
		out.Anomaly = AnomalyThinAir
		out.Context = append(out.Context, w)
		out.Steps = append(out.Steps, checkers.Step{From: w, To: at, Kind: "reads-from", Why: "the value can only come from there"})
		at, seen = w, from
		switch f := writerOf(h, key, seen, at, true); {
		case told[seen]:
			why += ": each was built on the other, and nobody was first"
		case writerOf(h, key, seen, at, false) >= 0:
		case f >= 0:
			why += fmt.Sprintf(", and the only write of %s, by session %d, had failed", h.ValueText(seen), h.Ops[f].Session)
			out.Context = append(out.Context, f)
		default:
			why += ", and nobody wrote " + h.ValueText(seen)
		}
	}
	if len(out.Steps) == 0 {
		out.Steps = []checkers.Step{{From: i, To: -1, Kind: "thin-air", Why: why}}
	}
	out.Sentence = Op(h, i) + ", but " + why
	return out
}

// saw is the value that operation i saw.
func saw(h *history.History, i int) history.Value {
	m := h.Mop(&h.Ops[i])
	if m.Func == history.CAS && h.Ops[i].Outcome != history.Fail {
		return m.Expect
	}
	return m.Ret
}

// writerOf is the first operation other than i that installs v in key, among those
// that failed or among those that did not; -1 if there is none.
func writerOf(h *history.History, key history.Key, v history.Value, i int, failed bool) int {
	for j := range h.Ops {
		m := h.Mop(&h.Ops[j])
		if j != i && m.Key == key && m.Func.Installs() && m.Arg == v && (h.Ops[j].Outcome == history.Fail) == failed {
			return j
		}
	}
	return -1
}
