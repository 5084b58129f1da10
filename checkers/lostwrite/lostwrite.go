// Package lostwrite decides whether acknowledged writes survive.
//
// An acknowledged write is lost if it is gone although nothing newer replaced
// it. A read that misses it may merely be stale, so that one of these must show
// the loss:
//
//   - the final reads (after the load, with all faults healed and the database
//     settled): every one of them, from whichever node, returned a value known to
//     be older;
//   - a compare-and-set, invoked after the write was acknowledged, that
//     succeeded on a value known to be older;
//   - in a replicated database with one primary, whose levels that read the
//     primary are named by the header's attribute "authoritative" (separated by
//     commas): such a read by a node returned a value known to be older, the node
//     then acknowledged a newer write that was seen later, and the lost one never
//     was. A node that is primary takes no writes from others, so that the write
//     is not in what the database went on with.
//
// A value is known to be older than a write if all its writers were acknowledged
// before that write was invoked, or if it is the initial one. Writes without an
// answer are never lost. The checker finds no loss that a later write covers
// before any of the three shows it: the number lost is a lower bound.
package lostwrite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/evidence"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/pass"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/history"
)

// Authoritative is the attribute of the header that names the read levels that
// ask the only copy that takes writes.
const Authoritative = "authoritative"

// Checker decides whether acknowledged writes survive. Safe for concurrent use.
type Checker struct{}

// New is a checker.
func New() Checker { return Checker{} }

// Model implements checkers.Checker.
func (Checker) Model() checkers.Model { return Models()[0] }

// Applies refuses what is no register operation.
func (Checker) Applies(h *history.History) error {
	return register.Applies(h, Model, false)
}

// how a loss shows.
type how uint8

const (
	kept how = iota
	byFinalReads
	byCAS
	byPrimary
)

// losses are the acknowledged writes of one key that were lost.
type losses struct {
	key    int
	newest int32 // position of the lost write invoked last
	proof  int32 // position of the operation that shows that one
	how    how
	lost   []int32 // positions, at most maxListed
	n      int
	finals int
}

const maxListed = 16

// Check decides h. Verdict.Total and Evidence.Bad count the acknowledged writes
// that are lost, Violations holds one for each of the first keys that lost some.
// Evidence.AtRisk counts the reads (and compare-and-sets) that could show a loss.
func (Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	b.Workers = 1
	p, end := pass.Begin(ctx, h, b)
	defer end()
	set, err := register.Split(h, Model, false)
	if err != nil {
		return checkers.Verdict{}, err
	}
	v := p.Verdict(set, Model, "final reads, compare-and-sets and reads of the primary against real time")
	final, noFinal := evidence.FinalReads(h)
	if noFinal != nil {
		final = history.Never
	}
	workers := pass.Keys(p, set, &v, func(j *judge, n int) string {
		if j.set == nil {
			*j = judge{h: h, set: set, final: final, levels: levels(h), faults: p.Faults}
		}
		j.check(n)
		return ""
	})
	for i := range workers {
		j := &workers[i]
		j.AddTo(&v)
		slices.SortStableFunc(j.found, func(a, b losses) int { return cmp.Compare(b.n, a.n) })
		for _, f := range j.found[:min(len(j.found), p.Budget.MaxViolations)] {
			x := j.violation(p.Beyond(), f)
			x.Rank.Choice = [5]int64{-int64(f.n), int64(set.Keys[f.key])}
			v.Violations = append(v.Violations, x)
		}
	}
	thin := ""
	switch {
	case noFinal != nil:
		thin = "no read is final: " + noFinal.Error()
	case v.Evidence.AtRisk == 0:
		thin = "no acknowledged write was followed by a final read of its key"
	}
	p.Conclude(&v, "", thin)
	return v, nil
}

func levels(h *history.History) [256]bool {
	var out [256]bool
	names := h.Header.Attributes[Authoritative]
	if names == "" {
		return out
	}
	for _, name := range strings.Split(names, ",") {
		if i := slices.Index(h.Header.Levels, strings.TrimSpace(name)); i > 0 {
			out[i] = true
		}
	}
	return out
}

// judge holds what is reused from key to key.
type judge struct {
	h      *history.History
	set    *register.Set
	final  history.Time
	levels [256]bool
	faults *evidence.Windows
	pass.Count
	found []losses

	k register.Key
	// by value: the last answer of its writers, the last answer of its readers.
	ret, seen []history.Time
	how       []how   // by position
	proof     []int32 // by position
	acked     []int32 // positions of acknowledged writes, by invocation
}

// check judges key number n.
func (j *judge) check(n int) {
	if f := j.key(n); f.n > 0 {
		j.found = append(j.found, f)
		j.Bad += f.n
	}
}

// key are the losses of key number n.
func (j *judge) key(n int) losses {
	j.set.Load(n, &j.k)
	k := &j.k
	j.Reads += k.Reads
	j.Writes += k.Writes
	f := losses{key: n, newest: -1}
	if len(k.Ops) == 0 {
		return f
	}
	j.measure()
	if len(j.acked) == 0 {
		return f
	}
	j.byFinalReads(&f)
	j.byCAS()
	j.byPrimary()
	for _, p := range j.acked {
		if j.how[p] == kept {
			continue
		}
		f.n++
		if len(f.lost) < maxListed {
			f.lost = append(f.lost, p)
		}
		f.newest, f.proof, f.how = p, j.proof[p], j.how[p]
	}
	return f
}

func (j *judge) measure() {
	k := &j.k
	j.ret = fill(j.ret, len(k.Values), register.Before)
	j.seen = fill(j.seen, len(k.Values), register.Before)
	j.how = append(j.how[:0], make([]how, len(k.Ops))...)
	j.proof = append(j.proof[:0], make([]int32, len(k.Ops))...)
	j.acked = j.acked[:0]
	for i := range k.Ops {
		op := &k.Ops[i]
		if op.Installs() {
			j.ret[op.Val] = max(j.ret[op.Val], op.Ret)
			if !op.Info() {
				j.acked = append(j.acked, int32(i))
			}
		}
		if v := op.Saw(); v >= 0 {
			j.seen[v] = max(j.seen[v], op.Ret)
		}
	}
}

func fill(s []history.Time, n int, t history.Time) []history.Time {
	if cap(s) < n {
		s = make([]history.Time, n)
	}
	s = s[:n]
	for i := range s {
		s[i] = t
	}
	return s
}

// newer calls mark for the acknowledged writes newer than the value v that were
// acknowledged before t.
func (j *judge) newer(v int32, t history.Time, mark func(p int32)) {
	k := &j.k
	i, _ := slices.BinarySearchFunc(j.acked, j.ret[v], func(p int32, at history.Time) int {
		if k.Ops[p].Inv <= at {
			return -1
		}
		return 1
	})
	for ; i < len(j.acked) && k.Ops[j.acked[i]].Inv < t; i++ {
		if p := j.acked[i]; k.Ops[p].Ret < t && k.Ops[p].Val != v {
			mark(p)
		}
	}
}

// byFinalReads finds the writes newer than everything that the final reads saw.
func (j *judge) byFinalReads(f *losses) {
	k := &j.k
	after := j.faults.After(k.Ops[0].Inv)
	newest := int32(-1)
	first := history.Never
	for i := range k.Ops {
		op := &k.Ops[i]
		if op.Kind != register.Read || op.Inv <= j.final {
			continue
		}
		j.AtRisk++
		if op.Ret >= after {
			j.DuringFaults++
		}
		f.finals++
		first = min(first, op.Inv)
		switch {
		case op.Val < 0:
			return // nobody knows how old it is
		case newest < 0 || j.ret[op.Val] >= j.ret[k.Ops[newest].Val]:
			newest = int32(i)
		}
	}
	if newest < 0 {
		return
	}
	j.newer(k.Ops[newest].Val, first, func(p int32) {
		j.how[p], j.proof[p] = byFinalReads, newest
	})
}

// byCAS finds the writes that a compare-and-set passed over.
func (j *judge) byCAS() {
	k := &j.k
	work := 4*len(k.Ops) + 1024 // enough unless the key is beyond all help
	for i := range k.Ops {
		op := &k.Ops[i]
		if op.Kind != register.CAS || op.Info() || op.Exp < 0 || work < 0 {
			continue
		}
		j.AtRisk++
		j.newer(op.Exp, op.Inv, func(p int32) {
			work--
			if j.how[p] == kept {
				j.how[p], j.proof[p] = byCAS, int32(i)
			}
		})
	}
}

// byPrimary finds the writes that a primary did not have when it went on.
func (j *judge) byPrimary() {
	k := &j.k
	work := 4*len(k.Ops) + 1024
	for i := range k.Ops {
		op := &k.Ops[i]
		rec := &j.h.Ops[op.At]
		if op.Kind != register.Read || op.Val < 0 || !j.levels[rec.ReadLevel] || rec.Node < 0 || work < 0 {
			continue
		}
		j.AtRisk++
		var wentOn, asked bool
		j.newer(op.Val, op.Inv, func(p int32) {
			work--
			if j.how[p] != kept || j.seen[k.Ops[p].Val] > op.Inv {
				return
			}
			if !asked {
				asked, wentOn = true, j.wentOn(int32(i), rec.Node)
			}
			if wentOn {
				j.how[p], j.proof[p] = byPrimary, int32(i)
			}
		})
	}
}

// wentOn tells whether node acknowledged a write of the key after the read at
// position i that was seen after its acknowledgement.
func (j *judge) wentOn(i int32, node int16) bool {
	k := &j.k
	for _, p := range j.acked {
		w := &k.Ops[p]
		if w.Inv > k.Ops[i].Ret && j.h.Ops[w.At].Node == node && j.seen[w.Val] > w.Ret {
			return true
		}
	}
	return false
}

// violation puts the losses of a key into words.
func (j *judge) violation(ctx context.Context, f losses) checkers.Violation {
	j.set.Load(f.key, &j.k)
	h, k := j.h, &j.k
	at := func(p int32) int { return int(k.Ops[p].At) }
	write, proof := at(f.newest), at(f.proof)
	v := checkers.Violation{
		Model: Model, Anomaly: "lost write", Key: h.KeyName(k.ID), Session: h.Ops[write].Session,
		At: h.Ops[proof].Complete, Faults: j.faults.IDs(h, write, proof),
	}
	old := k.Ops[f.proof].Saw()
	pos := []int32{f.newest, f.proof}
	oldName := h.ValueText(k.Values[old])
	for i := range k.Ops {
		if op := &k.Ops[i]; op.Installs() && op.Val == old {
			pos = append(pos, int32(i))
			break
		}
	}
	slices.Sort(pos)
	pos = slices.Compact(pos)
	for _, p := range pos {
		v.Ops = append(v.Ops, at(p))
	}
	if linearizable.Refuted(ctx, h, v.Ops) {
		v.Certified = "porcupine"
	}
	if len(pos) == 3 {
		v.Steps = append(v.Steps, checkers.Step{From: at(pos[0]), To: write, Kind: "real-time",
			Why: fmt.Sprintf("%s was acknowledged before the other was invoked, so it is the older value", oldName)})
	} else {
		v.Steps = append(v.Steps, checkers.Step{From: write, To: -1, Kind: "initial", Why: oldName + " was there before any write"})
	}
	var shown string
	switch f.how {
	case byFinalReads:
		shown = fmt.Sprintf("when all was healed and settled, %s", j.finalWords(f, oldName))
	case byCAS:
		shown = fmt.Sprintf("%s %s", explain.Later(h, write, proof), explain.Op(h, proof))
	default:
		shown = fmt.Sprintf("%s the primary %s still had %s and went on from there", explain.Later(h, write, proof), h.NodeName(&h.Ops[proof]), oldName)
	}
	v.Steps = append(v.Steps, checkers.Step{From: write, To: proof, Kind: "lost", Why: shown})
	v.Sentence = fmt.Sprintf("%s (acknowledged), but %s", explain.Op(h, write), shown)
	if f.n > 1 {
		var names []string
		for _, p := range f.lost {
			names = append(names, h.ValueText(k.Values[k.Ops[p].Val]))
		}
		more := ""
		if f.n > len(f.lost) {
			more = ", ..."
		}
		v.Sentence += fmt.Sprintf("; in all %d acknowledged writes of %s are lost (%s%s)", f.n, v.Key, strings.Join(names, ", "), more)
	}
	v.Legal = []string{h.ValueText(k.Values[k.Ops[f.newest].Val])}
	return v
}

// finalWords says what the final reads returned.
func (j *judge) finalWords(f losses, oldName string) string {
	h, k := j.h, &j.k
	last := explain.Did(h, int(k.Ops[f.proof].At), true)
	session := fmt.Sprintf("session %d ", h.Ops[k.Ops[f.proof].At].Session)
	if f.finals == 1 {
		return session + last
	}
	return fmt.Sprintf("none of %d final reads saw it or anything newer: the newest value left is %s", f.finals, oldName)
}
