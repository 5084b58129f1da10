// Package regular decides Lamport's two weaker registers ("On interprocess
// communication", 1986) for any number of writers.
//
// Regular: a read returns the value of a write that it overlaps, or of one that
// was not replaced before it began. This is the weak multi-writer form (MWR-weak
// of Shao, Pierce and Welch, "Multiwriter consistency conditions for shared
// memory registers", SIAM J. Comput. 40, 2011): each read is judged by itself,
// and a write is replaced for it if another write lies wholly between the two,
// that is, was invoked after the first was acknowledged and was acknowledged
// before the read was invoked. It is what read and write sets that intersect
// (W+R>N) promise by themselves: an acknowledged write is seen by every later
// read. Two reads may still see two concurrent writes in different orders, and a
// read after a newer value may return the older one while the write is going on.
//
// Safe: the same, but only for reads that overlap no write; others may return
// anything. A write without an answer may happen at any time, so that after one
// no read of its key is held to anything.
//
// A successful compare-and-set counts as a read of what it expected and as a
// write, and it must have been there to see it: compare-and-sets that were each built
// on the other are no write of either's value. One that failed without telling the value counts as nothing. Both models
// are decided exactly, in O(n log n).
package regular

import (
	"cmp"
	"context"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/pass"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/history"
)

// Checker decides one of the models. Safe for concurrent use.
type Checker struct{ model string }

// New is a checker for model, Regular or Safe.
func New(model string) *Checker { return &Checker{model} }

// Model implements checkers.Checker.
func (c *Checker) Model() checkers.Model { return checkers.Named(c.model, Models()) }

// Applies refuses what is no register operation.
func (c *Checker) Applies(h *history.History) error { return register.Applies(h, c.model, false) }

// Check decides h. Verdict.Total and Evidence.Bad count the reads that broke the
// model; Evidence.AtRisk counts the reads that it held to something, because a
// write of their key had been acknowledged before.
func (c *Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	p, end := pass.Begin(ctx, h, b)
	defer end()
	set, err := register.Split(h, c.model, false)
	if err != nil {
		return checkers.Verdict{}, err
	}
	r := &job{Pass: p, set: set, safe: c.model == Safe, model: c.model}
	v := p.Verdict(set, c.model, "each read against the writes acknowledged before it")
	found := pass.NewClearest(p.Budget.MaxViolations, badReadOrder)
	workers := pass.Keys(p, set, &v, func(w *worker, n int) string {
		if w.job == nil {
			w.job, w.found = r, found
		}
		return w.check(n)
	})
	for i := range workers {
		workers[i].AddTo(&v)
		found.Add(workers[i].found.List()...)
	}
	r.explain(&v, found.List())
	thin := ""
	if v.Evidence.AtRisk == 0 {
		thin = "no read followed an acknowledged write, so nothing could have exposed a violation"
		if r.safe {
			thin = "every read that followed an acknowledged write overlapped a write, which exempts it"
		}
	}
	p.Conclude(&v, "", thin)
	return v, nil
}

// explain puts what was found into words.
func (r *job) explain(v *checkers.Verdict, found []badRead) {
	var k register.Key
	loaded := int32(-1)
	v.Violations = make([]checkers.Violation, len(found))
	for _, i := range pass.KeyByKey(found, func(f *badRead) int { return int(f.key) }) {
		f := found[i]
		if f.key != loaded {
			r.set.Load(int(f.key), &k)
			loaded = f.key
		}
		x := r.violation(r.Beyond(), &k, f)
		x.Rank.Choice = [5]int64{f.plain(), int64(f.took), int64(r.set.Keys[f.key]), int64(f.read)}
		v.Violations[i] = x
	}
}

type job struct {
	*pass.Pass
	set   *register.Set
	safe  bool
	model string
}

// badRead is a read that broke the model.
type badRead struct {
	key   int32
	read  int32 // position
	newer int32 // position of the write that replaced what it saw, -1 if that was never there
	took  history.Time
}

// write is an acknowledged write, for sorting by answer.
type write struct {
	ret history.Time
	pos int32
}

// worker is one goroutine's memory.
type worker struct {
	*job
	pass.Count
	key      register.Key
	acked    []write
	answered []history.Time // by position: the latest answer to the writes up to it
	latest   []history.Time // ambiguous values: the latest answer, see writers
	start    []int32
	writers  []int32
	found    pass.Clearest[badRead]
}

// check judges every read of key number n, and says why it did not get to the end.
func (w *worker) check(n int) (undecided string) {
	w.set.Load(n, &w.key)
	k := &w.key
	w.Reads += k.Reads
	w.Writes += k.Writes
	if len(k.Ops) == 0 {
		return ""
	}
	w.acked = w.acked[:0]
	for i := range k.Ops {
		if op := &k.Ops[i]; op.Installs() && !op.Info() {
			w.acked = append(w.acked, write{op.Ret, int32(i)})
		}
	}
	slices.SortFunc(w.acked, func(a, b write) int { return cmp.Compare(a.ret, b.ret) })
	if !k.Unique {
		w.index(k)
	}
	after := w.Faults.After(k.Ops[0].Inv)
	// newest is the write invoked last among those acknowledged before the
	// current read began: it hides all that were acknowledged before it began.
	newest, a := int32(-1), 0
	if w.safe {
		w.answers(k)
	}
	for i := range k.Ops {
		if i&(1<<14-1) == 0 && w.Stop() {
			return checkers.TimeRanOut
		}
		r := &k.Ops[i]
		seen := r.Saw()
		for a < len(w.acked) && w.acked[a].ret < r.Inv {
			if p := w.acked[a].pos; newest < 0 || k.Ops[p].Inv > k.Ops[newest].Inv {
				newest = p
			}
			a++
		}
		if seen == register.None {
			continue
		}
		if w.safe {
			if r.Kind == register.CAS {
				continue
			}
			if w.openUntil(k, i) >= r.Inv {
				continue
			}
		}
		if newest >= 0 {
			w.AtRisk++
			if r.Ret >= after {
				w.DuringFaults++
			}
		}
		since := register.Before
		if newest >= 0 {
			since = k.Ops[newest].Inv
		}
		if w.possible(k, int32(i), seen, since) {
			continue
		}
		w.Bad++
		f := badRead{key: int32(n), read: int32(i), newer: -1}
		if w.existed(k, int32(i), seen) {
			f.newer = newest
			f.took = r.Ret - k.Ops[newest].Inv
		}
		w.found.Add(f)
	}
	return ""
}

// answers prepares openUntil.
func (w *worker) answers(k *register.Key) {
	w.answered = append(w.answered[:0], make([]history.Time, len(k.Ops))...)
	last := register.Before
	for i := range k.Ops {
		if op := &k.Ops[i]; op.Installs() {
			last = max(last, op.Ret)
		}
		w.answered[i] = last
	}
}

// openUntil is the latest answer to the writes that were invoked before the read
// at position i ended.
func (w *worker) openUntil(k *register.Key, i int) history.Time {
	// What was invoked during the read is near.
	end, lo, hi := k.Ops[i].Ret, i, i+1
	for hi < len(k.Ops) && k.Ops[hi].Inv <= end {
		lo, hi = hi, hi+hi-i
	}
	hi = min(hi, len(k.Ops))
	for lo+1 < hi {
		if mid := (lo + hi) / 2; k.Ops[mid].Inv <= end {
			lo = mid
		} else {
			hi = mid
		}
	}
	return w.answered[lo]
}

// index lists the writers of each value by invocation, with the latest answer
// until each.
func (w *worker) index(k *register.Key) {
	w.start = append(w.start[:0], make([]int32, len(k.Values)+1)...)
	n := 0
	for i := range k.Ops {
		if k.Ops[i].Installs() {
			w.start[k.Ops[i].Val+1]++
			n++
		}
	}
	for v := range k.Values {
		w.start[v+1] += w.start[v]
	}
	w.writers = append(w.writers[:0], make([]int32, n)...)
	w.latest = append(w.latest[:0], make([]history.Time, n)...)
	fill := slices.Clone(w.start[:len(k.Values)])
	for i := range k.Ops {
		op := &k.Ops[i]
		if !op.Installs() {
			continue
		}
		at := fill[op.Val]
		w.writers[at], w.latest[at] = int32(i), op.Ret
		if at > w.start[op.Val] {
			w.latest[at] = max(op.Ret, w.latest[at-1])
		}
		fill[op.Val]++
	}
}

// possible tells whether some writer of v, other than the operation at position i
// itself, was invoked before that ended and was not acknowledged before since.
func (w *worker) possible(k *register.Key, i, v int32, since history.Time) bool {
	r := &k.Ops[i]
	switch {
	case v < 0:
		return false
	case v == register.Initial && since == register.Before:
		return true
	case k.Unique:
		p := k.Writer[v]
		return p >= 0 && p != i && k.Ops[p].Inv <= r.Ret && k.Ops[p].Ret >= since
	case r.Kind == register.CAS && r.Val == v:
		for _, p := range w.writers[w.start[v]:w.until(k, r, v)] {
			if p != i && k.Ops[p].Ret >= since {
				return true
			}
		}
		return false
	}
	n := w.until(k, r, v)
	return n > w.start[v] && w.latest[n-1] >= since
}

// until returns the place at which the writers of v that were invoked before r ended end.
func (w *worker) until(k *register.Key, r *register.Op, v int32) int32 {
	list := w.writers[w.start[v]:w.start[v+1]]
	i, _ := slices.BinarySearchFunc(list, r.Ret, func(p int32, t history.Time) int {
		if k.Ops[p].Inv <= t {
			return -1
		}
		return 1
	})
	return w.start[v] + int32(i)
}

// existed tells whether v could be there before the operation at position i ended
// at all.
func (w *worker) existed(k *register.Key, i, v int32) bool {
	return v == register.Initial || w.possible(k, i, v, register.Before)
}

// plain is 0 where f speaks plainly, else 1: what was replaced does more so than what was never there.
func (f badRead) plain() int64 {
	if f.newer < 0 {
		return 1
	}
	return 0
}

func badReadOrder(a, b badRead) int {
	return cmp.Or(cmp.Compare(a.plain(), b.plain()), cmp.Compare(a.took, b.took), cmp.Compare(a.key, b.key), cmp.Compare(a.read, b.read))
}

// violation explains f.
func (r *job) violation(ctx context.Context, k *register.Key, f badRead) checkers.Violation {
	seen := k.Ops[f.read].Saw()
	if seen < 0 {
		return r.thinAir(ctx, k, &k.Ops[f.read])
	}
	pos := []int32{f.read}
	// Of several writers of the value show the one acknowledged last: the others
	// were replaced even earlier.
	old := int32(-1)
	for i := range k.Ops {
		op := &k.Ops[i]
		if op.Installs() && op.Val == seen && int32(i) != f.read && (old < 0 || f.newer >= 0 && op.Inv <= k.Ops[f.read].Ret && op.Ret > k.Ops[old].Ret) {
			old = int32(i)
		}
	}
	if old >= 0 {
		pos = append(pos, old)
	}
	if f.newer >= 0 {
		pos = append(pos, f.newer)
	}
	slices.Sort(pos)
	pos = slices.Compact(pos)
	var ops []int
	for _, p := range pos {
		ops = append(ops, int(k.Ops[p].At))
	}
	x := linearizable.Explain(ctx, r.H, r.model, ops, r.Faults)
	x.Legal = r.legal(k, &k.Ops[f.read])
	return x
}

// thinAir explains that op saw what nobody can have written.
func (r *job) thinAir(ctx context.Context, k *register.Key, op *register.Op) checkers.Violation {
	i := int(op.At)
	t := explain.ThinAir(r.H, i)
	v := checkers.Violation{
		Model: r.model, Anomaly: t.Anomaly, Key: r.H.KeyName(k.ID), Session: r.H.Ops[i].Session, Sentence: t.Sentence,
		Ops: append(t.Context, i), Steps: t.Steps, Legal: r.legal(k, op), Faults: r.Faults.IDs(r.H, i), At: op.Ret,
	}
	slices.Sort(v.Ops)
	if linearizable.Refuted(ctx, r.H, []int{i}) {
		v.Certified = "porcupine"
	}
	return v
}

// legal are the values that the operation could have seen.
func (r *job) legal(k *register.Key, op *register.Op) []string {
	since := register.Before
	for i := range k.Ops {
		if x := &k.Ops[i]; x.Installs() && x.Ret < op.Inv {
			since = max(since, x.Inv)
		}
	}
	var out []string
	if since == register.Before {
		out = append(out, r.H.ValueText(k.Values[register.Initial]))
	}
	for i := range k.Ops {
		if x := &k.Ops[i]; x.Installs() && x != op && x.Inv <= op.Ret && x.Ret >= since && len(out) < 12 {
			out = append(out, r.H.ValueText(k.Values[x.Val]))
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return slices.Compact(out)
}
