// Package linearizable decides linearizability (Herlihy and Wing 1990) of
// registers: reads, writes, compare-and-sets and deletes of independent keys,
// absent at first.
//
// Linearizability is local: a history is linearizable if and only if each key's
// part is, so keys are decided one by one, several at once. A key whose values
// are unique is decided exactly in O(n log n) (zones.go), any other by a search
// (search.go) that is exact too but may run out of its budget. Porcupine
// (github.com/anishathalye/porcupine) refutes the witness of every violation
// again, and can be the engine for all keys.
package linearizable

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/pass"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
)

// Engine names an algorithm that decides keys.
type Engine string

// The engines.
const (
	// Auto takes the fast algorithm where values are unique, else the search.
	Auto Engine = "auto"
	// Search takes the search for every key.
	Search Engine = "search"
	// Porcupine lets Porcupine decide every key.
	Porcupine Engine = "porcupine"
)

// ParseEngine is the engine called name; its error names the possible ones.
func ParseEngine(name string) (Engine, error) {
	switch e := Engine(name); e {
	case "":
		return Auto, nil
	case Auto, Search, Porcupine:
		return e, nil
	}
	return "", fmt.Errorf("unknown engine %q for linearizability: choose auto, search or porcupine", name)
}

// Checker decides linearizability. Safe for concurrent use.
type Checker struct{ engine Engine }

// New is a checker with the given engine; the zero Engine is Auto.
func New(e Engine) *Checker {
	if e == "" {
		e = Auto
	}
	return &Checker{e}
}

// Model implements checkers.Checker.
func (c *Checker) Model() checkers.Model { return Models()[0] }

// Applies refuses what is no register operation.
func (c *Checker) Applies(h *history.History) error { return register.Applies(h, Model, true) }

// Check decides h key by key. Verdict.Total counts the keys that are refuted,
// each with one violation, the clearest that was found for it. Evidence.Bad
// counts the stale reads on those keys (at least one a key).
func (c *Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	p, end := pass.Begin(ctx, h, b)
	defer end()
	set, err := register.Split(h, Model, true)
	if err != nil {
		return checkers.Verdict{}, err
	}
	r := &job{Pass: p, set: set, engine: c.engine, keys: make([]keyResult, len(set.Keys)), workers: make([]worker, p.Budget.Workers)}
	r.decideAll()
	return r.verdict(), nil
}

// job is one check under way.
type job struct {
	*pass.Pass
	set     *register.Set
	engine  Engine
	grace   time.Time // until when violations may be made small and certified
	keys    []keyResult
	workers []worker
}

// keyResult is the result of deciding one key.
type keyResult struct {
	state    outcome
	conflict conflict // if zones refuted it
	stuck    int      // if the search refuted it: answers that could be passed
	by       Engine
	reason   string
	span     history.Time // how long the contradiction takes to tell
	bad      int
	stats    keyStats
}

// load brings key number i into w.
func (r *job) load(w *worker, i int) *register.Key {
	if w.loaded != i+1 {
		r.set.Load(i, &w.key)
		w.loaded = i + 1
	}
	return &w.key
}

// worker is the memory that one goroutine at a time reuses from key to key.
type worker struct {
	key    register.Key
	loaded int // number of the key that it holds + 1
	zoner  zoner
	search searcher
}

// each calls do for the numbers in todo, with the budget's number of workers.
func (r *job) each(todo []int, do func(w *worker, i int)) {
	r.Each(len(todo), func(worker, n int) { do(&r.workers[worker], todo[n]) })
}

// decideAll decides every key: first what is cheap, then the searches in rounds
// of growing limits, so that one hard key keeps no other waiting.
func (r *job) decideAll() {
	all := make([]int, len(r.keys))
	for i := range all {
		all[i] = i
		r.keys[i] = keyResult{state: undecided, reason: reasonTime}
	}
	r.each(all, func(w *worker, i int) {
		if r.Stop() {
			return
		}
		r.load(w, i)
		res := &r.keys[i]
		res.stats = r.measure(&w.key)
		if r.engine != Auto || w.key.Concats > 0 || !w.key.Unique {
			return
		}
		c := w.zoner.decide(&w.key, r.Stop)
		if r.Stop() {
			return
		}
		switch {
		case c.fault != none:
			res.state, res.conflict, res.by = illegal, c, Auto
			res.span = w.zoner.conflictSpan(&w.key, c)
			res.bad = max(1, staleReads(&w.key))
		default:
			if w.key.FailedCASes > 0 {
				dropFailedCASes(&w.key, w.zoner.clusters)
				w.loaded = 0 // it is not the whole key any more
			}
			if w.key.FailedCASes == 0 {
				res.state, res.by = legal, Auto
			}
		}
	})
	rounds := []int{1 << 14, 1 << 18, 0}
	if r.engine == Porcupine {
		rounds = []int{0}
	}
	for _, limit := range rounds {
		var todo []int
		for i := range r.keys {
			if r.keys[i].state == undecided {
				todo = append(todo, i)
			}
		}
		slices.SortStableFunc(todo, func(a, b int) int { return cmp.Compare(r.set.Len(a), r.set.Len(b)) })
		// An eighth is for what the collector has not taken back yet.
		memory := (r.Budget.Memory - r.Budget.Memory/8) / int64(max(1, min(r.Budget.Workers, len(todo))))
		r.each(todo, func(w *worker, i int) { r.searchKey(w, i, limit, memory) })
	}
}

// searchKey decides key number i by search or by Porcupine.
func (r *job) searchKey(w *worker, i, configurations int, memory int64) {
	if r.Stop() {
		return
	}
	res := &r.keys[i]
	k := r.load(w, i)
	if r.engine == Porcupine {
		res.by = Porcupine
		res.state, res.reason = askPorcupine(r.Context(), r.H, k, everything(k), nil, time.Until(r.Deadline), memory)
	} else {
		res.by = Search
		r.reduce(w)
		res.state = w.search.run(r.H, k, limits{stop: r.Stop, configurations: configurations, bytes: memory})
		res.reason = w.search.reason
	}
	switch res.state {
	case undecided:
		res.reason = fmt.Sprintf("%s with up to %s open at once, %s of them without an answer",
			res.reason, count.Of(res.stats.open, "operation"), count.Text(res.stats.info))
	case illegal:
		if res.by == Porcupine {
			// Porcupine does not say where: a search finds the place.
			if w.search.run(r.H, k, limits{stop: r.Stop, bytes: memory}) != illegal {
				w.search.deepest = len(k.Ops)
			}
		}
		res.stuck = w.search.deepest
		res.span = history.Never
		res.bad = max(1, staleReads(k))
	}
}

// reduce drops from the key in w the operations that follow from the others.
func (r *job) reduce(w *worker) {
	k := &w.key
	if k.FailedCASes == 0 {
		return
	}
	w.loaded = 0 // it is not the whole key any more
	if k.Unique && w.zoner.decide(k, func() bool { return false }).fault == none {
		dropFailedCASes(k, w.zoner.clusters)
	} else {
		dropFailedCASes(k, nil)
	}
}

func everything(k *register.Key) []int32 {
	pos := make([]int32, 0, len(k.Ops))
	for i := range k.Ops {
		if k.Ops[i].Kind != register.Void {
			pos = append(pos, int32(i))
		}
	}
	return pos
}

// witness explains the refuted key number i.
func (r *job) witness(w *worker, i int) checkers.Violation {
	k, res := r.load(w, i), &r.keys[i]
	late := func() bool { return time.Now().After(r.grace) }
	s := newShrinker(r.H, k, late)
	var pos []int32
	if res.conflict.fault != none {
		c := w.zoner.decide(k, func() bool { return false })
		pos = w.zoner.candidates(k, c)
	} else {
		if res.by == Search {
			r.reduce(w)
		}
		w.search.prepare(r.H, k)
		pos = w.search.prefix(k, res.stuck)
	}
	sub, ok := s.shrink(pos)
	if !ok && len(pos) < len(k.Ops) {
		// The candidates do not refute by themselves: a gap in our reasoning,
		// so fall back on the whole key.
		sub, _ = s.shrink(everything(k))
	}
	return violation(r.Beyond(), r.H, k, sub, r.Faults, max(20*time.Millisecond, time.Until(r.grace)))
}

// prefix are the positions of what was invoked before the answer that no order
// could pass; that much is refuted already.
func (s *searcher) prefix(k *register.Key, passed int) []int32 {
	if passed >= len(s.order) {
		return everything(k)
	}
	cut := s.until[s.order[passed]]
	var pos []int32
	for i := range k.Ops {
		op := &k.Ops[i]
		if op.Inv > cut {
			break
		}
		if op.Kind == register.Void || !op.Installs() && op.Kind != register.Concat && op.Ret > cut {
			continue
		}
		pos = append(pos, int32(i))
	}
	return pos
}

// verdict gathers the results of all keys.
func (r *job) verdict() checkers.Verdict {
	v := r.Verdict(r.set, Model, "")
	e := &v.Evidence
	var bad []int
	searched := 0
	for i := range r.keys {
		res := &r.keys[i]
		e.Reads += res.stats.reads
		e.Writes += res.stats.writes
		e.AtRisk += res.stats.atRisk
		e.Overlapping += res.stats.overlapping
		e.DuringFaults += res.stats.duringFaults
		if res.by != Auto {
			searched++
		}
		switch res.state {
		case illegal:
			bad = append(bad, i)
			e.Bad += res.bad
		case undecided:
			v.Undecided = append(v.Undecided, checkers.Undecided{Key: r.H.KeyName(r.set.Keys[i]), Reason: res.reason})
		}
	}
	v.Total = len(bad)
	slices.SortStableFunc(bad, func(a, b int) int {
		x, y := &r.keys[a], &r.keys[b]
		return cmp.Or(cmp.Compare(x.conflict.fault.rank(), y.conflict.fault.rank()), cmp.Compare(x.span, y.span))
	})
	bad = bad[:min(len(bad), r.Budget.MaxViolations)]
	// A violation without its proof is worth little: explaining may go a little
	// over the time, where deciding may not.
	r.grace = time.Now().Add(150 * time.Millisecond)
	if r.grace.Before(r.Deadline) {
		r.grace = r.Deadline
	}
	v.Violations = make([]checkers.Violation, len(bad))
	numbers := make([]int, len(bad))
	for i := range numbers {
		numbers[i] = i
	}
	r.each(numbers, func(w *worker, i int) {
		x, res := r.witness(w, bad[i]), &r.keys[bad[i]]
		x.Rank = checkers.Rank{
			Choice: [5]int64{int64(res.conflict.fault.rank()), int64(res.span), int64(r.set.Keys[bad[i]])}, Order: [2]int64{int64(len(x.Ops))},
		}
		v.Violations[i] = x
	})
	v.Violations = checkers.Told(v.Violations, r.Budget.MaxViolations, checkers.Itself)
	switch {
	case r.engine == Porcupine:
		v.Algorithm = "Porcupine, key by key"
	case searched == 0:
		v.Algorithm = "zones (unique values), key by key"
	case searched == len(r.keys):
		v.Algorithm = "depth-first search over windows, key by key"
	default:
		v.Algorithm = fmt.Sprintf("zones (unique values) for %s, depth-first search over windows for %s", count.Of(len(r.keys)-searched, "key"), count.Text(searched))
	}
	thin := ""
	if e.AtRisk == 0 {
		thin = "no read followed an acknowledged write, so nothing could have exposed a violation"
	}
	r.Conclude(&v, "", thin)
	return v
}
