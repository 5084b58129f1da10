package causal

import (
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/history"
)

// violation puts f into words.
func (r *job) violation(ctx context.Context, f anomaly) checkers.Violation {
	v := checkers.Violation{Model: r.model, Session: -1}
	if f.found == nil && r.e != nil {
		f.found = newFinder(r.e, everybody, nil)
	}
	var ops []int32
	switch f.pattern {
	case thinAir:
		ops = []int32{f.read}
		r.tellThinAir(&v, f)
	case replacedInPast, initialAfterWrite:
		ops = r.tellReplaced(&v, f)
	default:
		ops = r.tellCycle(&v, f)
	}
	ops = r.withProofs(&v, ops)
	v.Key = r.key(ops)
	shown := f.read
	if shown >= 0 {
		v.Session = r.H.Ops[shown].Session
		v.At = r.H.Ops[shown].Complete
		v.Faults = r.Faults.IDs(r.H, int(shown))
	}
	for _, o := range ops {
		v.Ops = append(v.Ops, int(o))
	}
	slices.Sort(v.Ops)
	v.Ops = slices.Compact(v.Ops)
	if f.pattern == thinAir {
		return v
	}
	if v.Key != "" && linearizable.Refuted(ctx, r.H, v.Ops) {
		v.Certified = "porcupine"
	}
	return v
}

// withProofs adds to ops, for each without an answer, what shows that it happened:
// an answered operation that saw its value, or a chain of compare-and-sets up to one.
func (r *job) withProofs(v *checkers.Violation, ops []int32) []int32 {
	for at := 0; at < len(ops); at++ {
		late := ops[at]
		if !r.f.Ops[late].Late {
			continue
		}
		reader := int32(-1)
		for i := range r.f.Ops {
			o := &r.f.Ops[i]
			if s := o.Sees(); o.Kind == 0 || s < 0 || r.f.Writer[s] != late {
				continue
			}
			switch i := int32(i); {
			case slices.Contains(ops, i):
				reader = i
			case reader < 0 || !slices.Contains(ops, reader) && r.f.Ops[reader].Late && !o.Late:
				reader = i
			}
		}
		if reader >= 0 && !slices.Contains(ops, reader) {
			ops = append(ops, reader)
			v.Steps = append(v.Steps, checkers.Step{From: int(late), To: int(reader), Kind: "reads-from",
				Why: fmt.Sprintf("the other saw %s, so that it took effect although nobody answered", r.value(late))})
			v.Sentence += fmt.Sprintf("; it took effect: %s", explain.Op(r.H, int(reader)))
		}
	}
	return ops
}

// key is the name of the key that all of ops are about, "" if several.
func (r *job) key(ops []int32) string {
	for _, o := range ops {
		if r.f.Ops[o].Key != r.f.Ops[ops[0]].Key {
			return ""
		}
	}
	return r.H.KeyName(r.f.Keys[r.f.Ops[ops[0]].Key])
}

// value returns the value that operation i wrote, in words.
func (r *job) value(i int32) string {
	m := r.H.Mop(&r.H.Ops[i])
	if m.Func == history.Delete {
		return r.H.ValueText(history.Absent)
	}
	return r.H.ValueText(m.Arg)
}

func (r *job) tellThinAir(v *checkers.Violation, f anomaly) {
	x := explain.ThinAir(r.H, int(f.read))
	v.Anomaly, v.Sentence, v.Steps = x.Anomaly, x.Sentence, x.Steps
	v.Ops = append(v.Ops, x.Context...)
}

// tellReplaced explains a read whose past holds a write that replaced what it
// returned.
func (r *job) tellReplaced(v *checkers.Violation, f anomaly) []int32 {
	limit := 0
	if f.found.extra != nil {
		limit = len(f.found.extra.list)
	}
	after := f.found.path(f.newer, f.read, limit)
	hops := slices.Clone(after)
	v.Anomaly = "causally stale read"
	tail := "as before the first write"
	if f.older >= 0 {
		hops = append(f.found.path(f.older, f.newer, limit), after...)
		tail = fmt.Sprintf("which %s had causally replaced", r.value(f.newer))
	}
	known := "which was in the causal past of its session"
	if f.lane >= 0 && r.model == PRAM {
		known = "which its session must have seen by then"
	}
	if len(after) == 1 && after[0].kind == inSession {
		v.Sentence = fmt.Sprintf("%s, and %s %s, %s", explain.Op(r.H, int(f.newer)),
			explain.Later(r.H, int(f.newer), int(f.read)), explain.Did(r.H, int(f.read), false), tail)
	} else {
		v.Sentence = fmt.Sprintf("%s, %s, although %s, %s", explain.Op(r.H, int(f.read)), tail, explain.Op(r.H, int(f.newer)), known)
	}
	v.Steps = r.steps(f.found, hops)
	v.Legal = []string{r.value(f.newer)}
	ops := append(f.found.operations(hops), f.read, f.newer)
	if f.older >= 0 {
		ops = append(ops, f.older)
	}
	slices.Sort(ops)
	return slices.Compact(ops)
}

// tellCycle explains an order that contradicts itself.
func (r *job) tellCycle(v *checkers.Violation, f anomaly) []int32 {
	ops := f.found.operations(f.hops)
	v.Steps = r.steps(f.found, f.hops)
	switch {
	case f.pattern == cyclicOrder:
		v.Anomaly = "causality cycle"
		v.Sentence = "each of these operations comes causally before itself"
	case f.lane >= 0:
		v.Anomaly = "no order for a session"
		v.Sentence = fmt.Sprintf("no order of the writes explains what session %d read", r.H.Ops[r.f.Lane(int(f.lane))[0]].Session)
	default:
		v.Anomaly = "contradictory order"
		v.Sentence = "no single order of the writes explains what these sessions read"
	}
	if len(ops) <= 8 {
		v.Sentence += ": "
		for i, o := range ops {
			if i > 0 {
				v.Sentence += "; "
			}
			v.Sentence += explain.Op(r.H, int(o))
		}
	}
	if f.lane >= 0 {
		// Everything that the session itself read in the witness is in it, but a
		// view is refuted only with the session's own operations.
		for _, o := range ops {
			if r.f.Ops[o].Lane == f.lane {
				f.read = max(f.read, o)
			}
		}
	}
	return ops
}

// steps are the edges of hops, derived ones with their reason.
func (r *job) steps(fd *finder, hops []hop) []checkers.Step {
	var out []checkers.Step
	for _, h := range hops {
		s := checkers.Step{From: int(h.from), To: int(h.to)}
		switch h.kind {
		case inSession:
			s.Kind, s.Why = "session", fmt.Sprintf("session %d did it before the other", r.H.Ops[h.from].Session)
		case readsFrom:
			s.Kind, s.Why = "reads-from", fmt.Sprintf("the other saw %s", r.value(h.from))
		default:
			by := fd.extra.list[h.number].by
			s.Kind = "conflict"
			s.Why = fmt.Sprintf("%s, whose past holds %s, saw %s, so %s comes first", explain.Op(r.H, int(by)), r.value(h.from), r.value(h.to), r.value(h.from))
		}
		out = append(out, s)
	}
	return out
}
