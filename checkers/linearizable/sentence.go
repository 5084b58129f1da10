package linearizable

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// told is a refuted subset in words.
type told struct {
	anomaly  string
	sentence string
	steps    []checkers.Step
	legal    []string
	offender int   // index in History.Ops of the operation that shows it
	context  []int // further operations worth showing, that prove nothing
}

// teller recognises the shape of a subset.
type teller struct {
	h   *history.History
	k   *register.Key
	sub subset
}

func tell(h *history.History, k *register.Key, sub subset) told {
	t := teller{h, k, sub}
	for _, try := range []func() (told, bool){t.thinAir, t.future, t.stale, t.lostUpdate, t.inversion, t.mismatch} {
		if out, ok := try(); ok {
			return out
		}
	}
	return t.general()
}

func (t *teller) at(p int32) int { return int(t.k.Ops[p].At) }

func (t *teller) value(v int32) string {
	if v < 0 {
		return "it"
	}
	return t.h.ValueText(t.k.Values[v])
}

// sees is the value that an operation saw, register.None if it only wrote.
func (t *teller) sees(p int32) int32 {
	op := &t.k.Ops[p]
	switch {
	case op.Kind == register.Read:
		return op.Val
	case op.Kind == register.CAS && !t.sub.weak[p]:
		return op.Exp
	}
	return register.None
}

func (t *teller) certainWrite(p int32) bool {
	op := &t.k.Ops[p]
	return op.Installs() && !op.Info()
}

func (t *teller) before(a, b int32) bool { return t.k.Ops[a].Ret < t.k.Ops[b].Inv }

// writer is the position in the subset of the operation that installs v.
func (t *teller) writer(v int32) int32 {
	for _, p := range t.sub.pos {
		if t.k.Ops[p].Installs() && t.k.Ops[p].Val == v {
			return p
		}
	}
	return -1
}

func (t *teller) inTime(a, b int32) checkers.Step {
	return checkers.Step{From: t.at(a), To: t.at(b), Kind: "real-time",
		Why: explain.Before(t.h, t.at(a), t.k.Ops[b].Inv-t.k.Ops[a].Ret)}
}

// thinAir: a value that nobody can have written.
func (t *teller) thinAir() (told, bool) {
	for _, p := range t.sub.pos {
		if t.sees(p) != register.Unknown {
			continue
		}
		x := explain.ThinAir(t.h, t.at(p))
		out := told{anomaly: x.Anomaly, sentence: x.Sentence, steps: x.Steps, context: x.Context, offender: t.at(p)}
		out.legal = legalValues(t.h, t.k, t.sub, p)
		return out, true
	}
	return told{}, false
}

// future: a read ended before the write of its value began.
func (t *teller) future() (told, bool) {
	for _, p := range t.sub.pos {
		v := t.sees(p)
		if v < 0 || v == register.Initial {
			continue
		}
		w := t.writer(v)
		if w < 0 || !t.before(p, w) || !t.k.Unique {
			continue
		}
		gap := explain.Gap(t.h, t.k.Ops[w].Inv-t.k.Ops[p].Ret)
		return told{
			anomaly:  "future read",
			offender: t.at(p),
			sentence: fmt.Sprintf("%s, %sbefore session %d invoked its write of %s",
				explain.Op(t.h, t.at(p)), gap, t.h.Ops[t.at(w)].Session, t.value(v)),
			steps: []checkers.Step{
				{From: t.at(w), To: t.at(p), Kind: "reads-from", Why: "the value can only come from there"},
				t.inTime(p, w),
			},
			legal: legalValues(t.h, t.k, t.sub, p),
		}, true
	}
	return told{}, false
}

// stale: a value was seen after another write, acknowledged before, had replaced
// it.
func (t *teller) stale() (told, bool) {
	if len(t.sub.pos) > 3 {
		return told{}, false
	}
	for _, r := range t.sub.pos {
		v := t.sees(r)
		if v < 0 {
			continue
		}
		old := t.writer(v)
		if old < 0 && v != register.Initial {
			continue
		}
		for _, w := range t.sub.pos {
			if w == r || w == old || !t.certainWrite(w) || !t.before(w, r) || old >= 0 && !t.before(old, w) {
				continue
			}
			out := told{anomaly: "stale read", offender: t.at(r), legal: legalValues(t.h, t.k, t.sub, r)}
			a, b := t.at(w), t.at(r)
			if t.k.Ops[r].Kind == register.CAS {
				out.anomaly = "stale compare-and-set"
			}
			who := ""
			if t.h.Ops[a].Session != t.h.Ops[b].Session {
				who = fmt.Sprintf("session %d ", t.h.Ops[b].Session)
			}
			out.sentence = fmt.Sprintf("%s, and %s %s%s, %s",
				explain.Op(t.h, a), explain.Later(t.h, a, b), who, explain.Did(t.h, b, false), replaced(v, t))
			if old >= 0 {
				out.steps = append(out.steps, t.inTime(old, w))
				out.steps[0].Why += fmt.Sprintf(", so %s replaced %s", t.value(t.k.Ops[w].Val), t.value(v))
			} else {
				out.steps = append(out.steps, checkers.Step{From: a, To: -1, Kind: "initial",
					Why: fmt.Sprintf("%s was there before any write, so %s replaced it", t.value(v), t.value(t.k.Ops[w].Val))})
			}
			step := t.inTime(w, r)
			step.Why += fmt.Sprintf(", so %s had been replaced by then", t.value(v))
			out.steps = append(out.steps, step)
			return out, true
		}
	}
	return told{}, false
}

func replaced(v int32, t *teller) string {
	if v == register.Initial {
		return "as before the first write"
	}
	return "which had already been overwritten"
}

// lostUpdate: two compare-and-sets replaced the same value.
func (t *teller) lostUpdate() (told, bool) {
	if !t.k.Unique {
		return told{}, false
	}
	for i, a := range t.sub.pos {
		for _, b := range t.sub.pos[i+1:] {
			x, y := &t.k.Ops[a], &t.k.Ops[b]
			if x.Kind != register.CAS || y.Kind != register.CAS || x.Exp != y.Exp || t.sub.weak[a] || t.sub.weak[b] {
				continue
			}
			v := t.value(x.Exp)
			return told{
				anomaly:  "lost update",
				offender: t.at(b),
				sentence: fmt.Sprintf("%s, and %s: both replaced %s, which was there only once",
					explain.Op(t.h, t.at(a)), explain.Op(t.h, t.at(b)), v),
				steps: []checkers.Step{
					{From: t.at(a), To: t.at(b), Kind: "replaced", Why: "if it came first, " + v + " was gone for the other"},
					{From: t.at(b), To: t.at(a), Kind: "replaced", Why: "if it came first, " + v + " was gone for the other"},
				},
			}, true
		}
	}
	return told{}, false
}

// inversion: two values must each come before the other.
func (t *teller) inversion() (told, bool) {
	if !t.k.Unique {
		return told{}, false
	}
	type pair struct{ a, b int32 }
	pairs := map[pair]pair{} // values in the order shown -> operations that show it
	for _, p := range t.sub.pos {
		for _, q := range t.sub.pos {
			if !t.before(p, q) {
				continue
			}
			key := pair{t.k.Ops[p].Val, t.k.Ops[q].Val}
			if _, ok := pairs[key]; !ok && key.a != key.b {
				pairs[key] = pair{p, q}
			}
		}
	}
	for i, p := range t.sub.pos {
		for _, q := range t.sub.pos[i+1:] {
			a, b := t.k.Ops[p].Val, t.k.Ops[q].Val
			one, ok1 := pairs[pair{a, b}]
			two, ok2 := pairs[pair{b, a}]
			if !ok1 || !ok2 || a < 0 || b < 0 {
				continue
			}
			// The later of the two proofs is the one that surprises.
			if t.k.Ops[one.b].Inv > t.k.Ops[two.b].Inv {
				one, two, a, b = two, one, b, a
			}
			x, y := t.at(two.a), t.at(two.b)
			who := ""
			if t.h.Ops[x].Session != t.h.Ops[y].Session {
				who = fmt.Sprintf("session %d ", t.h.Ops[y].Session)
			}
			s1, s2 := t.inTime(one.a, one.b), t.inTime(two.a, two.b)
			s1.Why += fmt.Sprintf(", so %s was there before %s", t.value(a), t.value(b))
			s2.Why += fmt.Sprintf(", so %s was there before %s: a contradiction", t.value(b), t.value(a))
			return told{
				anomaly:  "new-old inversion",
				offender: y,
				sentence: fmt.Sprintf("%s, and %s %s%s, although %s had come after %s: %s before %s",
					explain.Op(t.h, x), explain.Later(t.h, x, y), who, explain.Did(t.h, y, false),
					t.value(b), t.value(a), explain.Op(t.h, t.at(one.a)), explain.Op(t.h, t.at(one.b))),
				steps: []checkers.Step{s1, s2},
				legal: legalValues(t.h, t.k, t.sub, two.b),
			}, true
		}
	}
	return told{}, false
}

// mismatch: a compare-and-set failed although what it expected was there.
func (t *teller) mismatch() (told, bool) {
	if len(t.sub.pos) > 2 {
		return told{}, false
	}
	for _, p := range t.sub.pos {
		op := &t.k.Ops[p]
		if op.Kind != register.FailedCAS {
			continue
		}
		v := t.value(op.Exp)
		out := told{
			anomaly:  "unexplained mismatch",
			offender: t.at(p),
			sentence: fmt.Sprintf("%s, but nothing else than %s can have been there", explain.Op(t.h, t.at(p)), v),
			steps:    []checkers.Step{{From: t.at(p), To: -1, Kind: "mismatch", Why: "no other value was possible while it ran"}},
		}
		return out, true
	}
	return told{}, false
}

// general: no shape that has a name.
func (t *teller) general() told {
	out := told{anomaly: "no legal order"}
	last := t.sub.pos[0]
	for _, p := range t.sub.pos {
		op, best := &t.k.Ops[p], &t.k.Ops[last]
		if t.sees(p) != register.None && !op.Info() && (t.sees(last) == register.None || op.Ret > best.Ret) {
			last = p
		}
	}
	out.offender = t.at(last)
	out.legal = legalValues(t.h, t.k, t.sub, last)
	// Real time in its reduced form: an edge only where nothing lies between.
	for _, a := range t.sub.pos {
		for _, b := range t.sub.pos {
			if !t.before(a, b) || slices.ContainsFunc(t.sub.pos, func(c int32) bool { return t.before(a, c) && t.before(c, b) }) {
				continue
			}
			if len(out.steps) < 32 {
				out.steps = append(out.steps, t.inTime(a, b))
			}
		}
	}
	if len(out.steps) == 0 {
		out.steps = []checkers.Step{{From: out.offender, To: -1, Kind: "search", Why: "every order of the operations was tried"}}
	}
	if len(t.sub.pos) <= 6 {
		var parts []string
		for _, p := range t.sub.pos {
			parts = append(parts, explain.Op(t.h, t.at(p)))
		}
		out.sentence = "no order of these operations is legal: " + strings.Join(parts, "; ")
		return out
	}
	out.sentence = fmt.Sprintf("%s, which no order of these %d operations explains", explain.Op(t.h, out.offender), len(t.sub.pos))
	return out
}
