package hunt

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
)

// Share says in how many of a number of runs something was seen.
type Share struct {
	// Hits are the runs in which it was seen, Of all runs.
	Hits int `json:"hits"`
	Of   int `json:"of"`
}

// String is the share in words.
func (s Share) String() string { return fmt.Sprintf("%d of %d", s.Hits, s.Of) }

// count counts a run by whether model is among those that it violated.
func (s *Share) count(violated []string, model string) {
	s.Of++
	if slices.Contains(violated, model) {
		s.Hits++
	}
}

// DefaultReplays is how often a violation must show where nobody said.
var DefaultReplays = Share{8, 10}

// Shrunk is the outcome of making a plan smaller.
type Shrunk struct {
	// Model is the one that replays had to violate: the finding's own, unless the plan as it
	// was found shows that too seldom and another one, under the same promise, more often.
	Model string `json:"model"`
	// Need is what a smaller plan had to show; it is less than what was asked for where
	// the plan that was found shows less.
	Need Share `json:"need"`
	// Found is how often the plan as it was found showed the violation, 0 of 0 where a smaller
	// one was tried before and showed it; Rate is how often the one that is left did.
	Found Share `json:"found"`
	Rate  Share `json:"rate"`
	// Minimal says that nothing more could be left out; else the budget ended before all
	// was tried.
	Minimal bool `json:"minimal"`
	// Tried are the smaller plans that were tried, Kept those that showed it often enough.
	Tried int `json:"tried"`
	Kept  int `json:"kept"`
	// From and To are the sizes of both plans.
	From Size `json:"from"`
	To   Size `json:"to"`
}

// Elusive tells whether replays were made and none showed the violation. Nil, of what was not made smaller, is not.
func (s *Shrunk) Elusive() bool { return s != nil && s.Found.Of > 0 && s.Found.Hits == 0 }

// Enough tells whether what is left showed the violation as often as was asked for.
func (s *Shrunk) Enough() bool { return s != nil && s.Need.Hits > 0 && s.Rate.Hits >= s.Need.Hits }

// Size tells how large a plan is.
type Size struct {
	// Faults counts the steps of the schedule, Duration is that of the load, Clients how many
	// there are at once.
	Faults   int           `json:"faults"`
	Duration time.Duration `json:"duration_ns"`
	Clients  int           `json:"clients"`
	// Keys is 0 for the workload's own number, Rate for as fast as answers come.
	Keys  int     `json:"keys"`
	Nodes int     `json:"nodes"`
	Rate  float64 `json:"rate"`
}

func sizeOf(p *runs.Planned) Size {
	return Size{len(p.Plan.Schedule.Steps), p.Plan.Duration, p.Plan.Clients(), p.Plan.Keys, p.Plan.Nodes, p.Plan.Rate}
}

// String is the size in one line.
func (s Size) String() string {
	keys, rate := "the workload's keys", "as fast as answers come"
	if s.Keys > 0 {
		keys = count.Of(s.Keys, "key")
	}
	if s.Rate > 0 {
		rate = strconv.FormatFloat(s.Rate, 'f', -1, 64) + " op/s"
	}
	return fmt.Sprintf("%s, %s, %s, %s, %s, %s", count.Of(s.Faults, "fault"), duration.Text(s.Duration), count.Of(s.Clients, "client"), keys, count.Of(s.Nodes, "node"), rate)
}

type shrinker struct {
	space   *Space
	model   string
	promise Promise
	need    Share
	// only says that no other model may take the place of that one.
	only bool
	// reached is how far the load was when its first violation ended it, 0 where none did.
	reached time.Duration
	// more tells whether the budget has room for another run.
	more func() bool
	// carry has a plan carried out; nil where nothing was seen.
	carry func(*runs.Planned) (*Seen, error)
	tell  func(string)
	out   *Shrunk
	// known are plans that were tried, by their text.
	known map[string]bool
}

// shrink makes start small, and returns what is left with what it came to.
func (m *shrinker) shrink(ctx context.Context, start *runs.Planned) (*Shrunk, *runs.Planned, error) {
	m.out, m.known = &Shrunk{Model: m.model, Need: m.need, From: sizeOf(start), To: sizeOf(start)}, map[string]bool{}
	best, rate, err := m.leap(ctx, start)
	if err != nil {
		return m.out, start, err
	}
	if best == nil {
		found, err := m.first(start)
		m.out.Model, m.out.Found, m.out.Rate = m.model, found, found
		if err != nil || found.Of < m.need.Of || found.Hits == 0 {
			return m.out, start, err
		}
		// What shows seldom is not to show more seldom.
		m.out.Need.Hits = min(m.need.Hits, found.Hits)
		m.tell(fmt.Sprintf("the plan as found violates %s in %s runs; smaller ones must in %s", m.model, found, m.out.Need))
		best, rate = start, found
	}
	for again := true; again; {
		again = false
		for _, pass := range passes() {
			for ahead := true; ahead; {
				ahead = false
				for _, smaller := range pass.plans(best) {
					p, err := m.plan(ctx, smaller)
					if err != nil || p == nil {
						continue // it cannot be, or was tried
					}
					got, enough, err := m.enough(p)
					if err != nil {
						return m.out, best, err
					}
					if !m.more() && !enough {
						return m.end(best, rate, false)
					}
					if m.out.Tried++; !enough {
						continue
					}
					m.out.Kept++
					best, rate = p, got
					m.out.To = sizeOf(best)
					m.tell(fmt.Sprintf("%s: %s runs showed it; left: %s", pass.name, got, m.out.To))
					ahead, again = true, true
					break
				}
			}
		}
	}
	return m.end(best, rate, true)
}

// leap tries the plans that may spare the replays of the one that was found, which are the longest: that without any fault, and that
// which ends where the violation did. It returns the first that shows the violation as often as was asked for, nil if none does.
func (m *shrinker) leap(ctx context.Context, start *runs.Planned) (*runs.Planned, Share, error) {
	for _, pass := range []pass{{"without any fault", noFaults}, {"up to the violation", m.untilReached}} {
		for _, run := range pass.plans(start) {
			p, err := m.plan(ctx, run)
			if err != nil || p == nil {
				continue // it cannot be, or was tried
			}
			got, enough, err := m.enough(p)
			if err != nil {
				return nil, got, err
			}
			if !enough && !m.more() {
				return nil, Share{}, nil // nobody knows whether it would have
			}
			if m.out.Tried++; enough {
				m.out.Kept++
				m.out.Rate, m.out.To = got, sizeOf(p)
				m.tell(fmt.Sprintf("%s: %s runs showed it; left: %s", pass.name, got, m.out.To))
				return p, got, nil
			}
			m.tell(fmt.Sprintf("%s: %s runs showed it, which is too few", pass.name, got))
		}
	}
	return nil, Share{}, nil
}

// end completes the rate of what is left.
func (m *shrinker) end(best *runs.Planned, rate Share, minimal bool) (*Shrunk, *runs.Planned, error) {
	rate, err := m.show(best, rate, m.need.Of)
	m.out.Rate, m.out.Minimal, m.out.To = rate, minimal, sizeOf(best)
	return m.out, best, err
}

// plan makes the plan of a smaller request; nil if it was tried.
func (m *shrinker) plan(ctx context.Context, run settings.Run) (*runs.Planned, error) {
	p, err := m.space.Plan(ctx, run)
	if err != nil {
		return nil, err
	}
	text, err := p.Plan.Encode()
	if err != nil || m.known[string(text)] {
		return nil, err
	}
	m.known[string(text)] = true
	return p, nil
}

// first carries the plan out as it was found, and settles by which model replays are judged.
// A violation of the weakest model says most, and it can be the rarest: where a promise is
// broken in every run and a write is lost for good in one of ten, the first is what can be
// made small. Where the first half of the replays shows nothing that counts the rest is spared.
func (m *shrinker) first(p *runs.Planned) (Share, error) {
	got, hits := Share{}, map[string]int{}
	err := m.replay(p, func() bool {
		return got.Of < m.need.Of && (hits[m.model] > 0 || !m.only && len(hits) > 0 || 2*got.Of < m.need.Of)
	}, func(violated []string) {
		got.Of++
		for _, model := range violated {
			hits[model]++
		}
	})
	if err != nil {
		return got, err
	}
	if hits[m.model] < m.need.Hits && !m.only {
		for _, model := range slices.Sorted(maps.Keys(hits)) {
			if hits[model] > hits[m.model] {
				m.model = model
				clear(m.known) // what did not show the other one may show this
			}
		}
	}
	got.Hits = hits[m.model]
	return got, nil
}

// show carries p out until it was of times, after those of had, or until the budget is
// used up.
func (m *shrinker) show(p *runs.Planned, had Share, of int) (Share, error) {
	err := m.replay(p, func() bool { return had.Of < of }, func(violated []string) { had.count(violated, m.model) })
	return had, err
}

// enough carries p out until it is clear whether it shows the violation often enough. A
// plan with which the budget ended before that does not.
func (m *shrinker) enough(p *runs.Planned) (Share, bool, error) {
	var got Share
	need := m.out.Need
	open := func() bool { return got.Hits < need.Hits && got.Of-got.Hits <= need.Of-need.Hits }
	err := m.replay(p, open, func(violated []string) { got.count(violated, m.model) })
	return got, err == nil && got.Hits >= need.Hits, err
}

// replay carries p out as long as more says and the budget has room. count is told which models each run
// violated under the promise: what is stale in one run may be out of order in the next. A run that saw nothing
// does not count.
func (m *shrinker) replay(p *runs.Planned, more func() bool, count func(violated []string)) error {
	for more() && m.more() {
		seen, err := m.carry(p)
		if err != nil {
			return err
		}
		if seen != nil {
			count(seen.violated(m.promise))
		}
	}
	return nil
}

// violated are the models that were violated under a promise, each once.
func (s *Seen) violated(p Promise) []string {
	var out []string
	for _, v := range s.Violations {
		if v.Promise == p && !slices.Contains(out, v.Model) {
			out = append(out, v.Model)
		}
	}
	return out
}

// leastDuration is how long a load lasts at least, and tail how much of it comes after
// the last fault.
const (
	leastDuration = time.Second
	tail          = 500 * time.Millisecond
)

// usualKeys stands for the number of keys of a workload that was not given one.
const usualKeys = 16

// mostRate stands for as fast as answers come, and leastRate is the least load.
const (
	mostRate  = 4000
	leastRate = 10
)
