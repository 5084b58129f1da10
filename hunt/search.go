package hunt

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
)

// Budget is how much a hunt may take: a time or a number of runs, whichever is set; what
// shrinking takes is in it.
type Budget struct {
	// Time is wall-clock time, 0 for no bound; Runs counts runs, 0 for no bound.
	Time time.Duration
	Runs int
}

// Options are how a hunt is made.
type Options struct {
	// Seed decides what is drawn.
	Seed uint64
	// Budget bounds the hunt; one of its fields has to be set.
	Budget Budget
	// Findings is after how many different ones the hunt ends; 0: only with its budget.
	Findings int
	// Known are findings that are no news: they are told, and neither made small nor counted
	// towards Findings.
	Known func(Kind) bool
	// Replays is in how many runs of how many a violation must show when a plan is made
	// smaller.
	Replays Share
	// NoShrink leaves plans as they were found.
	NoShrink bool
	// Now is the time since any moment, nil for the real one.
	Now func() time.Duration
	// Tell is told of every run, nil if nobody wants to know.
	Tell func(Step)
}

// Step is told of a run of a hunt, when it begins and when it is over.
type Step struct {
	// Begins says that the run begins; else it is over, or Text says something of it.
	Begins bool
	// Run counts from 1; Shrinking says that the run was made to make a finding smaller.
	Run       int
	Shrinking bool
	Elapsed   time.Duration
	Plan      *runs.Planned
	Seen      *Seen
	// New is how many signs no run showed before, Signs how many were seen at all.
	New, Signs int
	// Findings is how many there are so far.
	Findings int
	// Text says what making smaller came to, where there is something to say.
	Text string
}

// mostTrouble is how many runs in a row may go wrong before the hunt ends.
const mostTrouble = 3

// Search hunts in s until its budget is used up, enough was found, or ctx is done; the
// last is no error. The same options and the same answers of the carrier give the same
// search. An error comes with the findings until then.
func Search(ctx context.Context, s *Space, carrier Carrier, o Options) (*Result, error) {
	h := newHunter(s, carrier, o)
	err := h.search(ctx)
	h.finish(ctx)
	return h.res, err
}

type hunter struct {
	space   *Space
	carrier Carrier
	o       Options
	began   time.Duration
	corpus  *corpus
	tried   map[string]int
	cells   map[Cell]int
	tallies map[string]*Tally
	res     *Result
	// stops says that a run's load ends at its first violation: nothing else is looked for. What may be known would hide the rest.
	stops bool
	// only says that replays are judged by the finding's own model and no other.
	only bool
	// longest is how long a run took at most, trouble how many went wrong in a row.
	longest time.Duration
	trouble int
}

func newHunter(s *Space, carrier Carrier, o Options) *hunter {
	if o.Now == nil {
		began := time.Now()
		o.Now = func() time.Duration { return time.Since(began) }
	}
	stops := o.Known == nil && o.Findings == 1
	if o.Known == nil {
		o.Known = func(Kind) bool { return false }
	}
	if o.Replays == (Share{}) {
		o.Replays = DefaultReplays
	}
	h := &hunter{
		space: s, carrier: carrier, o: o, began: o.Now(), corpus: newCorpus(),
		tried: map[string]int{}, cells: map[Cell]int{}, tallies: map[string]*Tally{},
		res: &Result{Seed: o.Seed, Findings: []*Finding{}}, stops: stops,
	}
	for _, m := range settings.Names(s.Base.Models) {
		h.tallies[m] = &Tally{Model: m}
	}
	return h
}

// search makes one run after the other.
func (h *hunter) search(ctx context.Context) error {
	for n := 0; ctx.Err() == nil && !h.spent(); n++ {
		p, parent, err := h.next(ctx, stream(h.o.Seed, n))
		if err != nil {
			return err
		}
		seen, err := h.carry(ctx, p, fmt.Sprintf("run %d", h.res.Runs+1), false)
		if err != nil {
			return err
		}
		if seen == nil {
			continue
		}
		fresh := h.learn(p, parent, seen)
		found := h.note(p, seen)
		h.tell(Step{Run: h.res.Runs, Plan: p, Seen: seen, New: fresh})
		for _, f := range found {
			if err := h.shrink(ctx, f); err != nil {
				return err
			}
		}
		if h.o.Findings > 0 && h.news() >= h.o.Findings {
			return nil
		}
	}
	return nil
}

// spent tells whether no further run fits the budget. The first always does.
func (h *hunter) spent() bool {
	done := h.res.Runs + h.res.Replays
	if done == 0 {
		return false
	}
	b := h.o.Budget
	if b.Runs > 0 && done >= b.Runs {
		return true
	}
	return b.Time > 0 && h.elapsed()+h.longest/2 >= b.Time
}

func (h *hunter) elapsed() time.Duration { return h.o.Now() - h.began }

// firstDraws is how many plans are drawn before any is changed, and drawEvery how often
// one is drawn later on: of so many one.
const (
	firstDraws = 4
	drawEvery  = 3
	// planTries bounds how often a plan is drawn again that cannot be.
	planTries = 50
)

// next is the plan to be carried out now, and the entry that it was made of, nil for a
// plan that was drawn. What cannot be planned is drawn again.
func (h *hunter) next(ctx context.Context, r *rand.Rand) (*runs.Planned, *entry, error) {
	var last error
	for range planTries {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		req := h.space.draw(r, h.corpus.total, h.tried)
		var parent *entry
		if h.corpus.total >= firstDraws && r.IntN(drawEvery) > 0 {
			parent = h.corpus.choose(r)
		}
		if parent != nil {
			run, sched := h.space.mutate(ctx, r, parent.plan.Plan.Run, parent.plan.Plan.Schedule)
			var err error
			if req, err = withSchedule(run, sched); err != nil {
				return nil, nil, err
			}
		}
		req.StopOnViolation = req.StopOnViolation || h.stops
		p, err := h.space.Plan(ctx, req)
		if err == nil {
			return p, parent, nil
		}
		last = err
	}
	return nil, nil, fmt.Errorf("no plan could be made: %w", last)
}

// carry has a plan carried out and counts it. Nothing was seen, without an error, when
// ctx was done or the run went wrong; too many of the latter in a row are an error.
func (h *hunter) carry(ctx context.Context, p *runs.Planned, label string, replay bool) (*Seen, error) {
	began := h.o.Now()
	h.tell(Step{Begins: true, Run: h.res.Runs + h.res.Replays + 1, Shrinking: replay, Plan: p})
	seen, err := h.carrier.Carry(ctx, p, Job{Label: label, Replay: replay})
	h.longest = max(h.longest, h.o.Now()-began)
	if err != nil && ctx.Err() != nil {
		return nil, nil //nolint:nilerr // an interrupt is no error, see Search
	}
	if replay {
		h.res.Replays++
	} else {
		h.res.Runs++
	}
	if err != nil {
		h.res.Fruitless++
		h.res.Trouble = err.Error()
		if h.trouble++; h.trouble >= mostTrouble {
			return nil, fmt.Errorf("%d runs in a row went wrong: %w", h.trouble, err)
		}
		return nil, nil
	}
	h.trouble = 0
	if seen.Trouble != "" && !replay {
		h.res.Fruitless++
		h.res.Trouble = seen.Trouble
	}
	return &seen, nil
}

// learn goes by what a run showed, and returns how many signs are new.
func (h *hunter) learn(p *runs.Planned, parent *entry, seen *Seen) int {
	h.tried[p.Plan.Workload]++
	for _, f := range p.Plan.Schedule.Faults {
		h.tried[pair(p.Plan.Workload, f)]++
	}
	fresh := h.corpus.add(p, seen)
	if parent != nil {
		parent.children++
		if parent.barren++; fresh > 0 {
			parent.barren = 0
		}
	}
	counted := map[Cell]bool{}
	for _, c := range seen.Cells {
		if !counted[c] {
			counted[c] = true
			h.cells[c]++
		}
	}
	h.judge(seen)
	h.res.Curve = append(h.res.Curve, Point{Runs: h.res.Runs, After: h.elapsed(), Signs: len(h.corpus.runs)})
	return fresh
}

// judge counts the verdicts of a run; those that violated note counts.
func (h *hunter) judge(seen *Seen) {
	for _, m := range seen.Held {
		h.tally(m).Held++
	}
	for m, n := range seen.AtRisk {
		h.tally(m).AtRisk += n
	}
}

func (h *hunter) tally(model string) *Tally {
	t, ok := h.tallies[model]
	if !ok {
		t = &Tally{Model: model}
		h.tallies[model] = t
	}
	return t
}

// note adds the findings of a run and returns those that are news.
func (h *hunter) note(p *runs.Planned, seen *Seen) []*Finding {
	var fresh []*Finding
	models, found := map[string]bool{}, false
	for _, v := range seen.Violations {
		if !models[v.Model] {
			models[v.Model] = true
			h.tally(v.Model).Violated++
		}
		kind := Kind{v.Model, v.Anomaly}
		if i := slices.IndexFunc(h.res.Findings, func(f *Finding) bool { return f.Kind == kind }); i >= 0 {
			f := h.res.Findings[i]
			f.Times++
			if found = true; f.Shrunk.Elusive() {
				// Of this plan it may show more often.
				f.Plan, f.Run, f.Sentence, f.Shrunk, f.reached = p, seen.Run, v.Sentence, nil, seen.Reached
				fresh = append(fresh, f)
			}
			continue
		}
		// One finding a run: what else it violated is told with that.
		if !v.Weakest || found || h.explained(v.Model) {
			continue
		}
		found = true
		f := &Finding{
			Kind: kind, Sentence: v.Sentence, Promise: v.Promise, Known: h.o.Known(kind),
			Found: h.res.Runs, After: h.elapsed(), Times: 1, Run: seen.Run, Plan: p, reached: seen.Reached,
		}
		for _, other := range seen.Violations {
			if other.Model != v.Model && !slices.Contains(f.Also, other.Model) {
				f.Also = append(f.Also, other.Model)
			}
		}
		h.res.Findings = append(h.res.Findings, f)
		if !f.Known {
			fresh = append(fresh, f)
		}
	}
	return fresh
}

// explained tells whether a finding already says that a model was violated too.
func (h *hunter) explained(model string) bool {
	return slices.ContainsFunc(h.res.Findings, func(f *Finding) bool { return slices.Contains(f.Also, model) })
}

// news is how many findings count: those that are known do not, and one that no replay showed is looked for further.
func (h *hunter) news() int {
	n := 0
	for _, f := range h.res.Findings {
		if !f.Known && !f.Shrunk.Elusive() {
			n++
		}
	}
	return n
}

func (h *hunter) tell(s Step) {
	if h.o.Tell == nil {
		return
	}
	s.Elapsed, s.Signs, s.Findings = h.elapsed(), len(h.corpus.runs), len(h.res.Findings)
	h.o.Tell(s)
}

// shrink makes the plan of a finding small with what is left of the budget: half of it
// if the hunt goes on afterwards.
func (h *hunter) shrink(ctx context.Context, f *Finding) error {
	if h.o.NoShrink || ctx.Err() != nil {
		return nil //nolint:nilerr // an interrupt is no error, see Search
	}
	left := h.o.Budget
	last := h.o.Findings > 0 && h.news() >= h.o.Findings
	if left.Time > 0 {
		if left.Time -= h.elapsed(); !last {
			left.Time /= 2
		}
		left.Time = max(left.Time, 1) // 0 is without end
	}
	if left.Runs > 0 {
		if left.Runs -= h.res.Runs + h.res.Replays; !last {
			left.Runs /= 2
		}
		if left.Runs <= 0 {
			return nil
		}
	}
	most, until := h.res.Replays+left.Runs, h.elapsed()+left.Time
	m := &shrinker{
		space: h.space, model: f.Model, promise: f.Promise, need: h.o.Replays, only: h.only, reached: f.reached,
		more: func() bool {
			return ctx.Err() == nil && (left.Runs == 0 || h.res.Replays < most) && (left.Time == 0 || h.elapsed() < until)
		},
		carry: func(p *runs.Planned) (*Seen, error) {
			seen, err := h.carry(ctx, p, fmt.Sprintf("replay %d", h.res.Replays+1), true)
			if seen != nil {
				h.tell(Step{Run: h.res.Runs + h.res.Replays, Shrinking: true, Plan: p, Seen: seen})
			}
			return seen, err
		},
		tell: func(text string) { h.tell(Step{Run: h.res.Runs + h.res.Replays, Shrinking: true, Text: text}) },
	}
	shrunk, small, err := m.shrink(ctx, f.Plan)
	f.Shrunk, f.Plan = shrunk, small
	return err
}

// finish adds up.
func (h *hunter) finish(ctx context.Context) {
	h.res.Elapsed, h.res.Interrupted = h.elapsed(), ctx.Err() != nil
	for _, m := range settings.Names(h.space.Base.Models) {
		h.res.Models = append(h.res.Models, *h.tallies[m])
	}
	for _, fault := range h.space.Families() {
		for _, st := range States() {
			c := Cell{fault, st}
			h.res.Covered = append(h.res.Covered, Covered{Cell: c, Runs: h.cells[c]})
		}
	}
	h.res.Estimate = estimate(h.corpus.runs, h.res.Runs, h.res.Elapsed)
	if len(h.res.Findings) == 0 {
		h.res.Estimate.RatePerRun = bound(max(0, h.res.Runs-h.res.Fruitless))
	}
}
