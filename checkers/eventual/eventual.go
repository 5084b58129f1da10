// Package eventual decides whether replicas converge: once writes have stopped
// and all faults are healed, reads of a key, by whichever node, agree.
//
// Eventual consistency (Vogels, "Eventually Consistent", 2009; Terry et al.,
// "Managing Update Conflicts in Bayou", 1995) is a liveness property and says
// nothing of when; what a run can refute is "within the time that it was left
// alone", which the verdict is about. A key has diverged if its final reads (see
// evidence.FinalReads) cannot all come before or after the late effect of writes
// that were never answered:
//
//   - two final reads saw different values, neither of them written by an
//     operation without an answer, or
//   - a value was read, then another, and then the first one again.
//
// Where a run has read each node by itself (history.PhaseReplicas) those are the reads
// that count. Else the final reads must have asked at a level that tells replicas apart
// (one replica); at a quorum the checker sees only what a quorum hides.
package eventual

import (
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/evidence"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/pass"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// Checker decides convergence. Safe for concurrent use.
type Checker struct{}

// New is a checker.
func New() Checker { return Checker{} }

// Model implements checkers.Checker.
func (Checker) Model() checkers.Model { return Models()[0] }

// Applies implements checkers.Checker: it refuses what is no register operation.
func (Checker) Applies(h *history.History) error { return register.Applies(h, Model, false) }

// Concerns implements checkers.Selective: there is nothing to compare where no two nodes are named.
func (Checker) Concerns(h *history.History) bool { return len(h.Header.Nodes) > 1 }

// Check implements checkers.Checker. Evidence.AtRisk counts the final reads of
// keys that were written and that more than one node was asked for.
func (Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	b.Workers = 1
	p, end := pass.Begin(ctx, h, b)
	defer end()
	set, err := register.Split(h, Model, false)
	if err != nil {
		return checkers.Verdict{}, err
	}
	v := p.Verdict(set, Model, "final reads compared")
	final, until, noFinal := converged(h)
	if noFinal != nil {
		p.Conclude(&v, "", "no read is final: "+noFinal.Error())
		return v, nil
	}
	settled := until != history.Never || evidence.Settled(h)
	workers := pass.Keys(p, set, &v, func(w *worker, n int) string {
		w.check(set, n, final, until, settled, p.Budget.MaxViolations)
		return ""
	})
	for i := range workers {
		workers[i].AddTo(&v)
		v.Violations = append(v.Violations, workers[i].violations...)
	}
	thin := ""
	if v.Evidence.AtRisk == 0 {
		thin = "no key that was written was read finally by more than one node"
	}
	p.Conclude(&v, "", thin)
	return v, nil
}

// worker holds the memory that is reused from key to key, and the violations found.
type worker struct {
	pass.Count
	key        register.Key
	reads      []int32
	violations []checkers.Violation
}

// check compares the final reads of key number n.
func (w *worker) check(set *register.Set, n int, final, until history.Time, settled bool, most int) {
	k := &w.key
	set.Load(n, k)
	w.Reads += k.Reads
	w.Writes += k.Writes
	w.reads = finalReads(k, final, until, w.reads[:0])
	if !settled {
		w.reads = last(set.H, k, w.reads)
	}
	if k.Writes == 0 || nodesAsked(set.H, k, w.reads) < 2 {
		return
	}
	w.AtRisk += len(w.reads)
	if witness := diverged(k, w.reads); witness != nil {
		if w.Bad++; len(w.violations) < most {
			w.violations = append(w.violations, violation(set.H, k, witness))
		}
	}
}

// converged is the time in which reads are compared: that of the reads of each node by
// itself where there are some, else all after the load.
func converged(h *history.History) (from, to history.Time, err error) {
	from, err = evidence.FinalReads(h)
	if begin, end, ok := h.ReplicaReads(); ok && err == nil {
		return min(from, begin), end, nil
	}
	return from, history.Never, err
}

func finalReads(k *register.Key, final, until history.Time, into []int32) []int32 {
	for i := range k.Ops {
		if op := &k.Ops[i]; op.Kind == register.Read && op.Inv > final && op.Inv < until {
			into = append(into, int32(i))
		}
	}
	return into
}

// last are those of reads after which their session did not ask their node again. When the database had settled nobody
// says, so that what a node answered before may have been on its way to what it came to (see evidence.Last).
func last(h *history.History, k *register.Key, reads []int32) []int32 {
	type asked struct {
		session int32
		node    int16
	}
	of := func(p int32) asked {
		op := &h.Ops[k.Ops[p].At]
		return asked{op.Session, op.Node}
	}
	newest := map[asked]int32{}
	for _, p := range reads {
		newest[of(p)] = p
	}
	return slices.DeleteFunc(reads, func(p int32) bool { return newest[of(p)] != p })
}

func nodesAsked(h *history.History, k *register.Key, reads []int32) int {
	var nodes []int16
	for _, p := range reads {
		if n := h.Ops[k.Ops[p].At].Node; !slices.Contains(nodes, n) {
			nodes = append(nodes, n)
		}
	}
	return len(nodes)
}

// diverged returns the two or three reads that refute convergence, nil if none
// do. Reads are in the order of their invocation.
func diverged(k *register.Key, reads []int32) []int32 {
	// Two values that were both settled before the final reads began.
	for _, p := range reads {
		if q := reads[0]; k.Ops[p].Val != k.Ops[q].Val && settled(k, p) && settled(k, q) {
			return []int32{q, p}
		}
	}
	// There and back again: no single late effect explains it.
	for i, a := range reads {
		for j := i + 1; j < len(reads); j++ {
			b := reads[j]
			if k.Ops[a].Val == k.Ops[b].Val || k.Ops[a].Ret >= k.Ops[b].Inv {
				continue
			}
			for _, c := range reads[j+1:] {
				if k.Ops[c].Val == k.Ops[a].Val && k.Ops[b].Ret < k.Ops[c].Inv {
					return []int32{a, b, c}
				}
			}
		}
	}
	return nil
}

// settled tells whether what the read p saw cannot be the late effect of a write
// without an answer.
func settled(k *register.Key, p int32) bool {
	// Deletes and imported histories may install a value twice, so that all of
	// the key's operations count; this is asked only where reads differ.
	v := k.Ops[p].Val
	return !slices.ContainsFunc(k.Ops, func(op register.Op) bool { return op.Installs() && op.Info() && op.Val == v })
}

func violation(h *history.History, k *register.Key, reads []int32) checkers.Violation {
	x := checkers.Violation{Model: Model, Anomaly: "replicas diverge", Key: h.KeyName(k.ID), Session: -1}
	last := reads[len(reads)-1]
	x.At = k.Ops[last].Ret
	for _, p := range reads {
		if v := k.Ops[p].Val; v >= 0 && k.Writer[v] >= 0 {
			x.Ops = append(x.Ops, int(k.Ops[k.Writer[v]].At))
		}
		x.Ops = append(x.Ops, int(k.Ops[p].At))
	}
	slices.Sort(x.Ops)
	x.Ops = slices.Compact(x.Ops)
	first := k.Ops[reads[0]].At
	second := k.Ops[reads[1]].At
	x.Sentence = fmt.Sprintf("after all faults were healed and the writes had stopped, %s, and %s, %s",
		explain.Op(h, int(first)), explain.Later(h, int(first), int(second)), explain.Op(h, int(second)))
	if len(reads) == 3 {
		x.Sentence += ", and then " + explain.Op(h, int(k.Ops[last].At)) + " again"
	}
	x.Steps = []checkers.Step{{From: int(second), To: -1, Kind: "divergence", Why: "no write was going on any more, so that replicas that have converged return one value"}}
	return x
}
