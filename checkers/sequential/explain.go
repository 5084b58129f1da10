package sequential

import (
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/evidence"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/history"
)

// explain makes the refuted history small and puts it into words. A part of a
// sequentially consistent history is so too if with every read the writer of what
// it saw stays, so that what refutes a part refutes the whole.
func (g *graph) explain(ctx context.Context, faults *evidence.Windows) checkers.Violation {
	h := g.f.H
	v := checkers.Violation{Model: Model, Session: -1}
	var ops []int
	if len(g.f.Thin) > 0 {
		o := slices.Min(g.f.Thin)
		x := explain.ThinAir(h, int(o))
		ops = slices.Sorted(slices.Values(append(slices.Clip(x.Context), int(o))))
		v.Anomaly, v.Sentence, v.Steps = x.Anomaly, x.Sentence, x.Steps
	} else {
		if g.doubled {
			ops = g.fewestByValues(ctx)
		} else {
			ops = g.fewest(ctx)
		}
		v.Anomaly = "no legal order"
		v.Sentence = fmt.Sprintf("no one order of these %d operations explains what the sessions read", len(ops))
		if len(ops) <= 8 {
			v.Sentence = "no one order explains what these sessions read: "
			for i, o := range ops {
				if i > 0 {
					v.Sentence += "; "
				}
				v.Sentence += explain.Op(h, o)
			}
		}
		v.Steps = g.steps(ops)
	}
	v.Ops = ops
	last := ops[len(ops)-1]
	if len(g.f.Thin) > 0 {
		last = int(slices.Min(g.f.Thin))
	}
	v.Session, v.At = h.Ops[last].Session, h.Ops[last].Complete
	v.Faults = faults.IDs(h, last)
	keys := map[history.Key]bool{}
	for _, o := range ops {
		keys[h.Mop(&h.Ops[o]).Key] = true
	}
	if len(keys) == 1 {
		v.Key = h.KeyName(h.Mop(&h.Ops[ops[0]]).Key)
		if linearizable.Refuted(ctx, h, ops) {
			v.Certified = "porcupine"
		}
	}
	return v
}

// part is the flat form of the operations ops. What saw a value with several writers
// says as little in it as in the whole: else it would seem to have seen the one writer
// that is left.
func (g *graph) part(ops []int) *register.Flat {
	var told []int
	plain := map[int]bool{}
	for _, o := range ops {
		r := &g.f.Ops[o]
		if v := r.Sees(); v >= 0 && g.f.Writer[v] == register.Several {
			if r.Kind != register.CAS {
				continue
			}
			plain[len(told)] = true
		}
		told = append(told, o)
	}
	h := g.f.H.Subset(told)
	for i := range plain {
		h.Mops(&h.Ops[i])[0].Func = history.Write
	}
	return flatten(h)
}

// flatten is the flat form of a part of a checked history.
func flatten(h *history.History) *register.Flat {
	set, err := register.Split(h, Model, false)
	if err != nil {
		return nil
	}
	return register.Flatten(set)
}

// fewest drops what can be dropped: first all that was invoked after some time,
// then ever smaller runs of operations, with the reads that lose their writer.
func (g *graph) fewest(ctx context.Context) []int {
	f := g.f
	var ops []int
	for i := range f.Ops {
		if f.Ops[i].Kind != 0 {
			ops = append(ops, i)
		}
	}
	keep := make([]bool, len(f.Ops))
	close := func(part []int) []int {
		clear(keep)
		for _, o := range part {
			keep[o] = true
		}
		for again := true; again; {
			again = false
			for _, o := range part {
				if v := f.Ops[o].Sees(); keep[o] && v >= 0 && f.Writer[v] >= 0 && !keep[f.Writer[v]] {
					keep[o] = false
					again = true
				}
			}
		}
		var out []int
		for _, o := range part {
			if keep[o] {
				out = append(out, o)
			}
		}
		return out
	}
	fails := func(part []int) bool {
		if len(part) == 0 || ctx.Err() != nil {
			return false
		}
		sub := g.part(part)
		if sub == nil || len(sub.Thin) > 0 {
			return false
		}
		return newGraph(sub, func() bool { return ctx.Err() != nil }, g.memory).decide() == refuted
	}
	lo, hi := 0, len(ops)
	for lo+1 < hi {
		if mid := (lo + hi) / 2; fails(close(ops[:mid])) {
			hi = mid
		} else {
			lo = mid
		}
	}
	ops = close(ops[:hi])
	for size := len(ops) / 2; size >= 1; {
		removed := false
		for at := 0; at < len(ops); {
			part := close(slices.Concat(ops[:at], ops[min(at+size, len(ops)):]))
			if len(part) < len(ops) && fails(part) {
				ops, removed = part, true
			} else {
				at += size
			}
			if ctx.Err() != nil {
				return ops
			}
		}
		if size > 1 {
			size /= 2
		} else if !removed {
			break
		}
	}
	return ops
}

// steps are the orders that the sessions and the values read impose on ops.
func (g *graph) steps(ops []int) []checkers.Step {
	f := g.f
	var out []checkers.Step
	previous := map[int32]int{}
	for _, o := range ops {
		r := &f.Ops[o]
		if p, ok := previous[r.Lane]; ok {
			out = append(out, checkers.Step{From: p, To: o, Kind: "session", Why: fmt.Sprintf("session %d did it before the other", f.H.Ops[o].Session)})
		}
		if !r.Late {
			previous[r.Lane] = o
		}
		if v := r.Sees(); v >= 0 && f.Writer[v] >= 0 {
			out = append(out, checkers.Step{From: int(f.Writer[v]), To: o, Kind: "reads-from", Why: "the other saw its value, so that no other write of the key lies between"})
		} else if v >= 0 && f.Writer[v] == register.NoWriter {
			out = append(out, checkers.Step{From: o, To: -1, Kind: "initial", Why: "it saw the state before every write of the key"})
		}
		if len(out) >= 64 {
			break
		}
	}
	return out
}
