// Package causal decides the causal models of Bouajjani, Enea, Guerraoui and
// Hamza ("On verifying causal consistency", POPL 2017) and PRAM, for registers
// whose values name their writes.
//
// The causal order is the transitive closure of session order and reads-from.
//
//   - causal (CC, weak causal consistency): no read returns a value that a write
//     in its causal past replaced causally, nor the initial value when its past
//     holds a write of the key, and the causal order has no cycle.
//   - causal-convergent (CCv): the same, and there is one order of all writes,
//     extending the causal one, that says for every read which write of its past
//     is the newest. This is what last-writer-wins systems promise.
//   - causal-memory (CM, Ahamad et al. 1995): the same as CC, and each session has
//     an order of its own in which its reads return the last write.
//   - pram (Lipton and Sandberg 1988; FIFO consistency): each session has an order
//     of its own, of all writes and its reads, that keeps every session's writes
//     in their order. This is the per-session-view family of session guarantees;
//     package session decides the other one.
//
// CCv and CM are incomparable; both imply CC, and CM implies PRAM. All are decided
// by the absence of bad patterns, CC and CCv in time linear in the operations
// times the sessions, CM and PRAM by saturation, session by session. A write
// without an answer belongs to the history only if its value was seen; it follows
// what its session did before and comes before nothing in its session. With many
// of those (see newEngine) some are followed only as far as what came before
// them: a violation can then be missed, but never invented. Reads of values with
// several writers (deletes, imported histories) are no evidence against a model; it
// holds if a choice of whom they read from is found that satisfies it (doubled.go), and
// is undecided else.
package causal

import (
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/pass"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// Checker decides one of the models. Safe for concurrent use.
type Checker struct{ model string }

// New is a checker for model, one of the constants of this package.
func New(model string) *Checker { return &Checker{model} }

// Model implements checkers.Checker.
func (c *Checker) Model() checkers.Model { return checkers.Named(c.model, Models()) }

// Applies refuses what is no register operation.
func (c *Checker) Applies(h *history.History) error { return register.Applies(h, c.model, false) }

// pattern is a bad pattern.
type pattern uint8

const (
	thinAir pattern = iota
	cyclicOrder
	replacedInPast
	initialAfterWrite
	cyclicConflict
)

// anomaly is a violation before it is put into words.
type anomaly struct {
	pattern     pattern
	older       int32 // the write that was seen, -1 if the initial value
	newer, read int32
	lane        int32 // whose view it is (causal-memory, pram), -1 if all sessions'
	hops        []hop // cycles
	found       *finder
}

// job is one check under way.
type job struct {
	*pass.Pass
	pass.Count
	model  string
	f      *register.Flat
	e      *engine
	found  []anomaly
	most   int
	missed []missed
	after  history.Time // from when on answers met a fault
}

func everybody(*register.FlatOp) bool { return true }

// Check decides h. Verdict.Total counts the reads that match a bad pattern by
// themselves, and each contradiction between several of them once.
// Evidence.AtRisk counts the reads of keys that some write in the session's
// causal past had written, since only these can show a violation.
func (c *Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	p, end := pass.Begin(ctx, h, b)
	defer end()
	set, err := register.Split(h, c.model, false)
	if err != nil {
		return checkers.Verdict{}, err
	}
	v := p.Verdict(set, c.model, "bad patterns over vectors of the causal past")
	r := &job{Pass: p, model: c.model, most: p.Budget.MaxViolations, after: p.Faults.After(0)}
	if r.f = register.FlattenUntil(set, p.Stop); r.f == nil {
		p.Conclude(&v, checkers.TimeRanOut, "")
		return v, nil
	}
	undecided := r.decide()
	if undecided == "" && r.Bad == 0 && r.AtRisk > 0 && r.f.Open > 0 && !r.anyChoice(set) {
		undecided = register.OpenText(r.f.Open)
		if p.Stop() {
			undecided = checkers.TimeRanOut
		}
	}
	r.AddTo(&v)
	r.explain(p.Beyond(), &v)
	thin := ""
	if v.Evidence.AtRisk == 0 {
		thin = "no read of a key that its session knew to have been written, so nothing could have exposed a violation"
	}
	p.Conclude(&v, undecided, thin)
	return v, nil
}

// decide looks for bad patterns and returns why it is not finished, "" if it is.
func (r *job) decide() string {
	r.tally()
	aboutWrites := r.model == MonotonicWrites || r.model == WritesFollowReads
	for _, i := range r.f.Thin {
		if aboutWrites {
			break // not their business
		}
		r.note(anomaly{pattern: thinAir, read: i, older: -1, newer: -1, lane: -1})
	}
	if r.f.Lanes() == 0 {
		return ""
	}
	if r.model == PRAM {
		if !r.prepare(false) {
			return r.tooMuch()
		}
		return r.views(nil)
	}
	if !r.prepare(true) {
		return r.tooMuch()
	}
	switch r.model {
	case MonotonicWrites:
		return r.monotonicWrites()
	case WritesFollowReads:
		return r.writesFollowReads()
	}
	conflicts, disturbed, end := r.conflicts()
	switch end {
	case ended:
		return checkers.TimeRanOut
	case cyclic:
		r.cycleAmongUnplaced(everybody, nil, cyclicOrder, -1)
		return ""
	}
	if r.Bad > 0 || r.model == Causal || len(conflicts.list) == 0 {
		return ""
	}
	if r.model == Memory {
		if !r.prepare(false) {
			return r.tooMuch()
		}
		return r.views(disturbed)
	}
	conflicts.index(r.e)
	switch r.e.walk(rules{from: everybody, stop: r.Stop, extra: &conflicts, bare: true}) {
	case ended:
		return checkers.TimeRanOut
	case cyclic:
		r.cycleAmongUnplaced(everybody, &conflicts, cyclicConflict, -1)
	}
	return ""
}

// tally counts the operations that the verdict is about.
func (r *job) tally() {
	for i := range r.f.Ops {
		switch o := &r.f.Ops[i]; {
		case o.Kind == 0 || o.Late:
		case o.Kind == register.Read:
			r.Reads++
		case o.Kind == register.CAS:
			r.Reads++
			r.Writes++
		default:
			r.Writes++
		}
	}
}

// conflicts judges what each read saw against its causal past. What it leaves open are the writes of that past that are ordered
// with the one that was read by no session: each must come before it. disturbed are the lanes with such reads.
func (r *job) conflicts() (conflicts edges, disturbed []bool, end ending) {
	disturbed = make([]bool, r.f.Lanes())
	end = r.e.walk(rules{from: everybody, stop: r.Stop, read: func(i int32, vec []int32) bool {
		w := r.e.source(i)
		var past []int32
		if w >= 0 {
			past = r.e.vector(w) // which holds w itself
		}
		bad := false
		risk := w >= 0
		if !r.e.newest[r.f.Ops[i].Key].plain(r.e, vec, w, past) {
			risk = r.e.byKey.each(i, vec, past, func(x int32) bool {
				switch {
				case x == w:
				case w < 0:
					bad = true
					r.note(anomaly{pattern: initialAfterWrite, older: -1, newer: x, read: i, lane: -1})
				case r.e.follows(x, w):
					bad = true
					r.note(anomaly{pattern: replacedInPast, older: w, newer: x, read: i, lane: -1})
				default:
					conflicts.list = append(conflicts.list, edge{x, w, i})
					disturbed[r.f.Ops[i].Lane] = true
				}
				return !bad
			})
		}
		if risk {
			r.AtRisk++
			if r.H.Ops[i].Complete >= r.after {
				r.DuringFaults++
			}
		}
		return true
	}})
	return conflicts, disturbed, end
}

// prepare makes the engine; false if the memory does not suffice.
func (r *job) prepare(lean bool) bool {
	r.e = nil // let go of the last one first
	if r.Stop() {
		return false
	}
	e, ok := newEngine(r.f, r.Budget.Memory, lean)
	if ok {
		r.e = e
	}
	return ok
}

func (r *job) tooMuch() string {
	if r.Stop() {
		return checkers.TimeRanOut
	}
	return fmt.Sprintf("the memory does not suffice for the causal past of every write (%d sessions)", r.f.Lanes())
}

// views saturates the order that each session must see: whenever the past of one
// of its reads holds a write of the key other than the one that it saw, that
// write came first. only, if not nil, says which sessions can be in doubt.
func (r *job) views(only []bool) string {
	undecided := 0
	for l := range r.f.Lanes() {
		if only != nil && !only[l] {
			continue
		}
		if r.Stop() {
			undecided++
			continue
		}
		if !r.view(int32(l)) {
			undecided++
		}
	}
	if undecided > 0 {
		return fmt.Sprintf(checkers.TimeRanOut+" for the views of %d of %d sessions", undecided, r.f.Lanes())
	}
	return ""
}

// view decides one session's view; false if the time ran out.
func (r *job) view(lane int32) bool {
	from := everybody
	if r.model == PRAM {
		// What its own unanswered operation saw the session does not know.
		from = func(o *register.FlatOp) bool { return o.Lane == lane && !o.Late }
	}
	var extra edges
	first := true
	for {
		more, bad := false, false
		extra.index(r.e)
		end := r.e.walk(rules{from: from, stop: r.Stop, extra: &extra, read: func(i int32, vec []int32) bool {
			if r.f.Ops[i].Lane != lane || r.f.Ops[i].Late {
				return true
			}
			w := r.e.source(i)
			var past []int32
			if w >= 0 {
				past = r.e.vector(w)
			}
			if r.e.newest[r.f.Ops[i].Key].plain(r.e, vec, w, past) {
				if w >= 0 && first && r.model == PRAM {
					r.AtRisk++
				}
				return true
			}
			risk := r.e.byKey.each(i, vec, past, func(x int32) bool {
				switch {
				case x == w:
				case w < 0:
					bad = true
					r.note(anomaly{pattern: initialAfterWrite, older: -1, newer: x, read: i, lane: lane, found: newFinder(r.e, from, &extra)})
				default:
					extra.list = append(extra.list, edge{x, w, i})
					more = true
				}
				return !bad
			})
			if risk && first && r.model == PRAM {
				r.AtRisk++
			}
			return !bad
		}})
		first = false
		switch {
		case bad:
			return true
		case end == ended:
			return false
		case end == cyclic:
			r.cycleAmongUnplaced(from, &extra, cyclicConflict, lane)
			return true
		case !more:
			return true
		}
	}
}

func (r *job) note(f anomaly) {
	r.Bad++
	if len(r.found) < 4*r.most+64 {
		r.found = append(r.found, f)
	}
}

// cycleAmongUnplaced finds a short cycle among the operations that the last walk
// could not place.
func (r *job) cycleAmongUnplaced(from func(*register.FlatOp) bool, extra *edges, p pattern, lane int32) {
	if extra != nil && extra.start == nil {
		extra.index(r.e)
	}
	fd := newFinder(r.e, from, extra)
	fd.plain = lane < 0
	limit := 0
	if extra != nil {
		limit = len(extra.list)
	}
	var best []hop
	tried := 0
	try := func(i int32) {
		if tried++; tried > 64 && best != nil || r.Stop() && best != nil {
			return
		}
		if c := fd.path(i, i, limit); c != nil && (best == nil || len(c) < len(best)) {
			best = c
		}
	}
	// Every cycle passes a derived edge or one of reads-from.
	if extra != nil {
		for i := range extra.list {
			if w := extra.list[i].to; !r.e.placed[w] {
				try(w)
			}
		}
	}
	if best == nil {
		for i := range r.f.Ops {
			if o := &r.f.Ops[i]; o.Kind != 0 && !r.e.placed[i] && r.e.source(int32(i)) >= 0 && from(o) {
				try(int32(i))
			}
			if tried > 64 && best != nil {
				break
			}
		}
	}
	f := anomaly{pattern: p, older: -1, newer: -1, read: -1, lane: lane, hops: best, found: fd}
	for _, h := range best {
		f.read = max(f.read, h.to)
	}
	r.note(f)
}

// explain puts what was found into words.
func (r *job) explain(ctx context.Context, v *checkers.Verdict) {
	slices.SortStableFunc(r.found, func(a, b anomaly) int { return int(a.read) - int(b.read) })
	for _, f := range r.found[:min(len(r.found), r.most)] {
		v.Violations = append(v.Violations, r.violation(ctx, f))
	}
	r.sortMissed()
	for _, m := range r.missed[:min(len(r.missed), r.most-len(v.Violations))] {
		v.Violations = append(v.Violations, r.tellMissed(m))
	}
	slices.SortStableFunc(v.Violations, func(a, b checkers.Violation) int { return len(a.Ops) - len(b.Ops) })
}
