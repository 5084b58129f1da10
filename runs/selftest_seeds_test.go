package runs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/store"
)

// ended is what a run ended with after some seconds.
func ended(seconds int, verdicts ...checkers.Verdict) *store.Summary {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &store.Summary{Run: "some", Started: began, Finished: began.Add(time.Duration(seconds) * time.Second), Assessment: assessed(verdicts...)}
}

// TestSelftestSeeds: what is counted of runs with many seeds. Nothing runs: what each run would end with is given.
func TestSelftestSeeds(t *testing.T) {
	held := checkers.Verdict{Model: "linearizable", Status: checkers.Held}
	violated := checkers.Verdict{Model: "linearizable", Status: checkers.Violated, Violations: []checkers.Violation{{Sentence: "a stale read"}}}
	also := checkers.Verdict{Model: "read-your-writes", Status: checkers.Violated}
	tooFew := checkers.Verdict{Model: "linearizable", Status: checkers.Inconclusive, Reasons: []string{"only 3 operations succeeded"}}
	found, fine := ended(9, violated), ended(8, held)
	never := func(uint64) (*store.Summary, error) { return fine, nil }

	for _, c := range []struct {
		name         string
		bad, control func(seed uint64) (*store.Summary, error)
		passed       bool
		want         string // of 20 seeds from 7 on: found, held, missed, blamed, thin, and the reasons
	}{
		{"always", func(uint64) (*store.Summary, error) { return found, nil }, never, true, "20 20 0 0 0 "},
		{"in all but one", but(9, found, fine), never, true, "19 20 1 0 0 held"},
		{"in all but two", but(25, found, fine, 8), never, false, "18 20 2 0 0 held; held"},
		{"too late twice", but(25, found, ended(60, violated), 8), never, false, "18 20 2 0 0 found, but after 60.0 s; found, but after 60.0 s"},
		{"just in time", but(25, found, ended(59, violated, also), 8), never, true, "20 20 0 0 0 "},
		{"too little happened once", but(9, found, ended(9, tooFew)), never, true, "19 20 1 0 0 linearizable inconclusive: only 3 operations succeeded"},
		{"the correct store is blamed once", but(9, found, found), but(9, fine, found), false, "20 19 0 1 0 linearizable violated: a stale read"},
		{"a control has no verdict", but(9, found, found), but(9, fine, ended(9, tooFew)), true, "20 19 0 0 1 linearizable inconclusive: only 3 operations succeeded"},
		{"no control has a verdict", but(9, found, found), but(9, ended(9, tooFew), ended(9, tooFew)), false, "20 0 0 0 20 " +
			strings.Repeat("; linearizable inconclusive: only 3 operations succeeded", 20)[2:]},
		{"a run that cannot be made", func(seed uint64) (*store.Summary, error) {
			if seed == 9 {
				return nil, errors.New("no room")
			}
			return found, nil
		}, never, true, "19 20 1 0 0 no room"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			labels := map[string]int{}
			run := func(_ context.Context, r Request, seed uint64, label string, good func(*store.Summary) bool) (*store.Summary, error) {
				mu.Lock()
				labels[label]++
				mu.Unlock()
				ask := c.control
				if r.Options["defects"] != "" {
					ask = c.bad
				}
				sum, err := ask(seed)
				if err == nil && r.Options["defects"] == "" && good(sum) != (sum.Status == checkers.Held) {
					t.Errorf("a control that was %s is removed: %v", sum.Status, good(sum))
				}
				return sum, err
			}
			told := 0
			got, err := selftestSeeds(t.Context(), []Case{{Defect: "stale-cache", Request: Request{Options: correct(nil)}}},
				Seeded{First: 7, Seeds: 20, Parallel: 3, Tell: func(done, of int, _ string) {
					if told++; done != told || of != 40 {
						t.Errorf("told of run %d of %d, want %d of 40", done, of, told)
					}
				}}, run)
			if err != nil || len(got) != 1 || told != 40 || len(labels) != 40 {
				t.Fatalf("%d results, told %d times, labels %v, error %v", len(got), told, labels, err)
			}
			s := got[0]
			var reasons []string
			for _, list := range [][]SeedRun{s.Missed, s.Blamed, s.Thin} {
				for _, r := range list {
					reasons = append(reasons, r.Why)
				}
			}
			if is := fmt.Sprint(s.Found, s.Held, len(s.Missed), len(s.Blamed), len(s.Thin), " ", strings.Join(reasons, "; ")); is != c.want || s.Seeds != 20 || s.Controls != 20 {
				t.Errorf("of %d and %d runs got\n%s, want\n%s", s.Seeds, s.Controls, is, c.want)
			}
			if s.Passed() != c.passed {
				t.Errorf("passed: %v, want %v", s.Passed(), c.passed)
			}
			if len(s.Seconds) != s.Found || !slices.IsSorted(s.Seconds) || s.Slowest() < s.Median() || s.By["linearizable"] != s.Found {
				t.Errorf("%v seconds, by %v, found %d times", s.Seconds, s.By, s.Found)
			}
		})
	}
}

// but is most for all seeds but those given, for which it is odd.
func but(seed uint64, most, odd *store.Summary, more ...uint64) func(uint64) (*store.Summary, error) {
	return func(s uint64) (*store.Summary, error) {
		if s == seed || slices.Contains(more, s) {
			return odd, nil
		}
		return most, nil
	}
}

// TestSelftestSeedsShareControls: cases that differ in their defect alone have one control, which counts for each; those that differ
// otherwise have their own.
func TestSelftestSeedsShareControls(t *testing.T) {
	one := Request{Options: correct(nil), Rate: 600}
	other := one
	other.Rate = 601
	cases := []Case{{Defect: "read-one", Request: one}, {Defect: "stale-cache", Request: Request{Options: correct(nil), Rate: 600}}, {Defect: "drop-hints", Request: other}}
	n := 0
	got, err := selftestSeeds(t.Context(), cases, Seeded{First: 1, Seeds: 2, Parallel: 1},
		func(_ context.Context, r Request, seed uint64, _ string, _ func(*store.Summary) bool) (*store.Summary, error) {
			n++
			if r.Options["defects"] == "" && r.Rate == 600 && seed == 2 {
				return ended(9, checkers.Verdict{Model: "linearizable", Status: checkers.Violated}), nil
			}
			return ended(9, checkers.Verdict{Model: "linearizable", Status: checkers.Held}), nil
		})
	if err != nil || n != 2*(3+2) {
		t.Fatalf("%d runs, error %v", n, err)
	}
	for i, blamed := range []int{1, 1, 0} {
		if got[i].Defect != cases[i].Defect || got[i].Controls != 2 || len(got[i].Blamed) != blamed {
			t.Errorf("%+v, want it blamed %d times", got[i], blamed)
		}
	}
}

// TestSelftestSeedsInterrupted: an interrupt ends with what was done, and a run that it cut short is no result.
func TestSelftestSeedsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	n := 0
	got, err := selftestSeeds(ctx, []Case{{Defect: "stale-cache", Request: Request{Options: correct(nil)}}}, Seeded{First: 1, Seeds: 20, Parallel: 1},
		func(ctx context.Context, r Request, _ uint64, _ string, _ func(*store.Summary) bool) (*store.Summary, error) {
			if n++; n == 6 {
				cancel(stop)
				return nil, context.Cause(ctx)
			}
			status := checkers.Held
			if r.Options["defects"] != "" {
				status = checkers.Violated
			}
			return ended(9, checkers.Verdict{Model: "linearizable", Status: status}), nil
		})
	if !errors.Is(err, stop) || n != 6 {
		t.Fatalf("%d runs, error %v", n, err)
	}
	if s := got[0]; s.Seeds != 3 || s.Found != 3 || s.Controls != 2 || s.Held != 2 || len(s.Missed)+len(s.Thin) > 0 {
		t.Errorf("%+v", s)
	}
}

// TestSeededPasses: nothing that was not run passes.
func TestSeededPasses(t *testing.T) {
	if (&SeedsTested{}).Passed() || (&SeedsTested{Seeds: 20, Found: 20}).Passed() {
		t.Error("what was not run passes")
	}
}
