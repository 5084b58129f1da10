package runs

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/targets/cluster"
)

// FoundWithin is how long a run with a defect may take, from its beginning to its verdict, for the defect to count as found by
// SelftestSeeds.
const FoundWithin = time.Minute

// FoundShare is in how many of how many seeds a defect must be found.
var FoundShare = struct{ Hits, Of int }{19, 20}

// EnoughOf is in how many of so many seeds, at the least, a defect must be found for FoundShare.
func EnoughOf(seeds int) int { return (seeds*FoundShare.Hits + FoundShare.Of - 1) / FoundShare.Of }

// SeedsTested is what became of a case with many seeds.
type SeedsTested struct {
	Defect string `json:"defect"`
	What   string `json:"what"`
	// Seeds counts the runs with the defect, and Found those of them whose verdict was a violation within FoundWithin.
	Seeds int `json:"seeds"`
	Found int `json:"found"`
	// By counts the runs in which a model was violated.
	By map[string]int `json:"by,omitempty"`
	// Seconds are, in ascending order, how long the runs that found it took from their beginning to their verdict.
	Seconds []float64 `json:"seconds,omitempty"`
	// Missed are the others.
	Missed []SeedRun `json:"missed,omitempty"`
	// Controls counts the runs of the same configuration without the defect, with the same seeds, Held those that held, and Blamed are
	// those that were violated. Thin are the rest: they had no verdict, for the reason that stands there.
	Controls int       `json:"controls"`
	Held     int       `json:"held"`
	Blamed   []SeedRun `json:"blamed,omitempty"`
	Thin     []SeedRun `json:"thin,omitempty"`
}

// SeedRun is a run that was not as it should be. Run is empty where none could be made.
type SeedRun struct {
	Seed uint64 `json:"seed"`
	Run  string `json:"run,omitempty"`
	Why  string `json:"why"`
}

// Passed says that the defect was found often enough, and that the correct store held and was never blamed.
func (s *SeedsTested) Passed() bool {
	return s.Seeds > 0 && s.Found >= EnoughOf(s.Seeds) && s.Held > 0 && len(s.Blamed) == 0
}

// Median is the median of Seconds, 0 if there are none.
func (s *SeedsTested) Median() float64 {
	n := len(s.Seconds)
	if n == 0 {
		return 0
	}
	return (s.Seconds[(n-1)/2] + s.Seconds[n/2]) / 2
}

// Slowest is the largest of Seconds, 0 if there are none.
func (s *SeedsTested) Slowest() float64 {
	if len(s.Seconds) == 0 {
		return 0
	}
	return s.Seconds[len(s.Seconds)-1]
}

// Seeded asks for a self-test with many seeds.
type Seeded struct {
	// First is the first seed, and Seeds how many there are.
	First uint64
	Seeds int
	// Parallel is how many runs are made at once, each on a cluster of its own.
	Parallel int
	// Whole names what the runs are a part of.
	Whole string
	// Tell, unless nil, is told of each run when it is over; never by two goroutines at once.
	Tell func(done, of int, what string)
}

// SelftestSeeds runs each case with its defect and without, with each seed; the control of cases that differ in nothing else is one
// run. All cases have their run with one seed before the next seed is begun, so that what an interrupt leaves covers all of them: then
// the error is the context's cause and the result what was done. A run that cannot be made counts as one that missed, or had no
// verdict. Runs that were as they should be are removed.
func SelftestSeeds(ctx context.Context, cases []Case, asked Seeded, provider cluster.Provider, reason string, env Environment) ([]SeedsTested, error) {
	return selftestSeeds(ctx, cases, asked, func(ctx context.Context, r Request, seed uint64, label string, good func(*store.Summary) bool) (*store.Summary, error) {
		env := env
		env.Part = partOf(asked.Whole, label)
		f, err := runRequest(ctx, r, seed, provider, reason, env)
		if err != nil {
			return nil, err
		}
		if good(&f.Summary) {
			if err := store.Remove(env.Out, f.Dir); err != nil {
				return nil, fmt.Errorf("removing a run of the self-test: %w", err)
			}
		}
		return &f.Summary, nil
	})
}

// runSeed carries out a run of a request with a seed, under a label, and removes it if it is good.
type runSeed func(ctx context.Context, r Request, seed uint64, label string, good func(*store.Summary) bool) (*store.Summary, error)

// selftestSeeds is SelftestSeeds with whatever carries out a run.
func selftestSeeds(ctx context.Context, cases []Case, asked Seeded, run runSeed) ([]SeedsTested, error) {
	out := make([]SeedsTested, len(cases))
	sharers := map[int][]int{} // by the first case of a configuration, all that have it
	for i, c := range cases {
		out[i].Defect, out[i].What = c.Defect, describe(c.Defect)
		first := slices.IndexFunc(cases, func(o Case) bool { return reflect.DeepEqual(o.Request, c.Request) })
		sharers[first] = append(sharers[first], i)
	}
	of, done := asked.Seeds*(len(cases)+len(sharers)), 0
	var mu sync.Mutex
	record := func(ctx context.Context, what string, note func() string) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() != nil {
			return // what an interrupt cut short is no result
		}
		done++
		if said := note(); asked.Tell != nil {
			asked.Tell(done, of, what+": "+said)
		}
	}
	var g errgroup.Group // nothing in it ends with an error: what went wrong is in the result
	g.SetLimit(asked.Parallel)
	attempt := func(r Request, seed uint64, label string, good func(*store.Summary) bool, note func(*store.Summary, error) string) {
		if ctx.Err() != nil {
			return
		}
		sum, err := run(ctx, r, seed, label, good)
		record(ctx, label, func() string { return note(sum, err) })
	}
	for n := range asked.Seeds {
		seed := asked.First + uint64(n)
		for i, c := range cases {
			label := fmt.Sprintf("%s, seed %d", c.Defect, seed)
			g.Go(func() error {
				attempt(c.Defective(), seed, label, inTime, func(sum *store.Summary, err error) string { return out[i].defective(seed, sum, err) })
				return nil
			})
			if len(sharers[i]) == 0 {
				continue
			}
			without := fmt.Sprintf("%s, seed %d, without it", c.Defect, seed)
			g.Go(func() error {
				held := func(s *store.Summary) bool { return s.Status == checkers.Held }
				attempt(c.Request, seed, without, held, func(sum *store.Summary, err error) (said string) {
					for _, j := range sharers[i] {
						said = out[j].control(seed, sum, err)
					}
					return said
				})
				return nil
			})
		}
	}
	_ = g.Wait()
	for i := range out {
		slices.Sort(out[i].Seconds)
	}
	return out, context.Cause(ctx)
}

// inTime says that a run found a violation soon enough.
func inTime(s *store.Summary) bool { return s.Status == checkers.Violated && took(s) < FoundWithin }

func took(s *store.Summary) time.Duration { return s.Finished.Sub(s.Started) }

// defective takes in a run with the defect, and says what it was.
func (s *SeedsTested) defective(seed uint64, sum *store.Summary, err error) string {
	s.Seeds++
	missed := SeedRun{Seed: seed}
	switch {
	case err != nil:
		missed.Why = err.Error()
	case inTime(sum):
		s.Found++
		s.Seconds = append(s.Seconds, took(sum).Seconds())
		for _, v := range sum.Verdicts {
			if v.Status == checkers.Violated {
				if s.By == nil {
					s.By = map[string]int{}
				}
				s.By[v.Model]++
			}
		}
		return fmt.Sprintf("found after %.1f s", took(sum).Seconds())
	case sum.Status == checkers.Violated:
		missed.Run, missed.Why = sum.Run, fmt.Sprintf("found, but after %.1f s", took(sum).Seconds())
	default:
		missed.Run, missed.Why = sum.Run, because(sum)
	}
	s.Missed = append(s.Missed, missed)
	return "missed: " + missed.Why
}

// control takes in a run without the defect, and says what it was.
func (s *SeedsTested) control(seed uint64, sum *store.Summary, err error) string {
	s.Controls++
	switch {
	case err != nil:
		s.Thin = append(s.Thin, SeedRun{Seed: seed, Why: err.Error()})
		return "no verdict: " + err.Error()
	case sum.Status == checkers.Held:
		s.Held++
		return string(sum.Status)
	}
	odd := SeedRun{Seed: seed, Run: sum.Run, Why: because(sum)}
	if sum.Status == checkers.Violated {
		s.Blamed = append(s.Blamed, odd)
	} else {
		s.Thin = append(s.Thin, odd)
	}
	return odd.Why
}

// because is what a run ended with, and the first reason.
func because(sum *store.Summary) string {
	for _, v := range sum.Verdicts {
		if v.Status != sum.Status {
			continue
		}
		if len(v.Violations) > 0 {
			return fmt.Sprintf("%s %s: %s", v.Model, v.Status, v.Violations[0].Sentence)
		}
		if len(v.Reasons) > 0 {
			return fmt.Sprintf("%s %s: %s", v.Model, v.Status, v.Reasons[0])
		}
	}
	return string(sum.Status)
}
