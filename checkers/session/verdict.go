package session

import (
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/pass"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/linearizable"
)

// explain puts what was found into words.
func (r *job) explain(ctx context.Context, v *checkers.Verdict, found []anomaly) {
	var k register.Key
	var from register.Sources
	loaded, named := int32(-1), false
	v.Violations = make([]checkers.Violation, len(found))
	for _, i := range pass.KeyByKey(found, func(f *anomaly) int { return int(f.key) }) {
		f := found[i]
		if f.key != loaded || f.named != named {
			load := r.load
			if f.named {
				load = r.loadNamed
			}
			load(int(f.key), &k, &from)
			loaded, named = f.key, f.named
		}
		x := r.violation(ctx, &k, f)
		x.Rank.Choice = [5]int64{int64(f.took), int64(r.set.Keys[f.key]), int64(f.b), int64(f.a), int64(f.n)}
		v.Violations[i] = x
	}
}

// violation puts f into words.
func (r *job) violation(ctx context.Context, k *register.Key, f anomaly) checkers.Violation {
	h := r.H
	read := int(k.Ops[f.b].At)
	v := checkers.Violation{
		Model: r.model, Key: h.KeyName(k.ID), Session: h.Ops[read].Session,
		At: h.Ops[read].Complete, Faults: r.Faults.IDs(h, read),
	}
	pos := []int32{f.a, f.b}
	if f.chain == nil {
		pos = append(pos, r.direct(&v, k, f)...)
	} else {
		pos = append(pos, r.indirect(&v, k, f)...)
	}
	slices.Sort(pos)
	pos = slices.Compact(pos)
	for _, p := range pos {
		v.Ops = append(v.Ops, int(k.Ops[p].At))
	}
	if linearizable.Refuted(ctx, h, v.Ops) {
		v.Certified = "porcupine"
	}
	return v
}

// writer is the position of the write of v that was answered last, -1 for an
// initial value that nobody wrote.
func writer(k *register.Key, v int32) int32 {
	if k.Unique {
		return k.Writer[v]
	}
	best := int32(-1)
	for i := range k.Ops {
		if op := &k.Ops[i]; op.Installs() && op.Val == v && (best < 0 || op.Ret > k.Ops[best].Ret) {
			best = int32(i)
		}
	}
	return best
}

// direct explains a read that returned a value known to be older than what its
// session had written or read.
func (r *job) direct(v *checkers.Violation, k *register.Key, f anomaly) []int32 {
	h := r.H
	at := func(p int32) int { return int(k.Ops[p].At) }
	seen := sees(&k.Ops[f.b])
	old := writer(k, seen)
	var pos []int32
	name := func(v int32) string { return h.ValueText(k.Values[v]) }
	end := "which had already been overwritten"
	if old >= 0 {
		pos = append(pos, old)
	} else {
		end = "as before the first write"
	}
	var newer int32 // the write that replaced what was read
	if r.model == ReadYourWrites {
		v.Anomaly = "own write not seen"
		newer = f.a
	} else {
		v.Anomaly = "non-monotonic read"
		newer = writer(k, sees(&k.Ops[f.a]))
		pos = append(pos, newer)
	}
	v.Sentence = fmt.Sprintf("%s, and %s %s, %s", explain.Op(h, at(f.a)),
		explain.Later(h, at(f.a), at(f.b)), explain.Did(h, at(f.b), false), end)
	if old >= 0 {
		gap := "the session made it before the other"
		if k.Ops[old].Ret < k.Ops[newer].Inv {
			gap = explain.Before(h, at(old), k.Ops[newer].Inv-k.Ops[old].Ret)
		}
		v.Steps = append(v.Steps, checkers.Step{From: at(old), To: at(newer), Kind: "real-time",
			Why: fmt.Sprintf("%s, so %s is older than %s", gap, name(seen), name(k.Ops[newer].Val))})
	} else {
		v.Steps = append(v.Steps, checkers.Step{From: at(newer), To: -1, Kind: "initial",
			Why: fmt.Sprintf("%s was there before any write, so it is older than %s", name(seen), name(k.Ops[newer].Val))})
	}
	v.Steps = append(v.Steps, checkers.Step{From: at(f.a), To: at(f.b), Kind: "session",
		Why: fmt.Sprintf("session %d %s, so its read must return %s or a newer value", v.Session, did(r.model), name(k.Ops[newer].Val))})
	v.Legal = r.legal(k, f.b, newer)
	return pos
}

func did(model string) string {
	if model == ReadYourWrites {
		return "had its write acknowledged"
	}
	return "had read it"
}

// legal are the values of key k that the operation at position p could have
// returned: newer, and what is not known to be older than it and had been
// invoked.
func (r *job) legal(k *register.Key, p, newer int32) []string {
	var out []string
	for i := range k.Ops {
		op := &k.Ops[i]
		if op.Inv > k.Ops[p].Ret {
			break
		}
		if op.Installs() && op.Ret >= k.Ops[newer].Inv && len(out) < 8 {
			out = append(out, r.H.ValueText(k.Values[op.Val]))
		}
	}
	return out
}

// indirect explains demands that contradict each other only together.
func (r *job) indirect(v *checkers.Violation, k *register.Key, f anomaly) []int32 {
	h := r.H
	var pos []int32
	at := func(p int32) int { return int(k.Ops[p].At) }
	name := func(v int32) string { return h.ValueText(k.Values[v]) }
	order := ""
	for _, d := range f.chain {
		w, x := k.Writer[d.from], k.Writer[d.to]
		pos = append(pos, w, x)
		order += name(d.from) + " before "
		if d.a < 0 {
			v.Steps = append(v.Steps, checkers.Step{From: at(w), To: at(x), Kind: "real-time",
				Why: fmt.Sprintf("%s, so %s comes before %s",
					explain.Before(h, at(w), k.Ops[x].Inv-k.Ops[w].Ret), name(d.from), name(d.to))})
			continue
		}
		pos = append(pos, d.a, d.b)
		why := fmt.Sprintf("session %d read it and later the other, so %s comes before %s", h.Ops[at(d.a)].Session, name(d.from), name(d.to))
		if r.model == ReadYourWrites {
			why = fmt.Sprintf("session %d wrote it and later read the other, so %s comes before %s", h.Ops[at(d.a)].Session, name(d.from), name(d.to))
			if k.Ops[d.b].Installs() && k.Ops[d.b].Val == d.to {
				why = fmt.Sprintf("session %d wrote it and later the other, so %s comes before %s", h.Ops[at(d.a)].Session, name(d.from), name(d.to))
			}
		}
		v.Steps = append(v.Steps, checkers.Step{From: at(d.a), To: at(d.b), Kind: "session", Why: why})
	}
	order += name(f.chain[0].from)
	v.Anomaly = "contradictory order"
	v.Sentence = fmt.Sprintf("%s, and %s %s, but together with what others saw of %s that puts %s",
		explain.Op(h, at(f.a)), explain.Later(h, at(f.a), at(f.b)), explain.Did(h, at(f.b), false), v.Key, order)
	return pos
}
