package hunt_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/hunt"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
)

// stored is the plan that a run with kills and pauses keeps.
func stored(t *testing.T) *harness.Plan {
	t.Helper()
	req := settings.Defaults()
	req.Target, req.WriteLevel, req.ReadLevel, req.Models = "quorumkv", "2", "2", models.Linearizable+","+models.ReadYourWrites
	req.Workload, req.Faults, req.Duration, req.Rate, req.Concurrency, req.Keys = "register", "kill,pause", 20*time.Second, 800, "9", 4
	req.Seed, req.Seeded = 5, true
	p, err := runs.Plan(t.Context(), req, environment())
	if err != nil {
		t.Fatal(err)
	}
	if !has(p, "kill") || !has(p, "pause") {
		t.Fatalf("the schedule is %+v", p.Plan.Schedule.Steps)
	}
	return p.Plan
}

// storedRun is a run of that plan with these verdicts.
func storedRun(t *testing.T, edit func(*store.Summary)) store.Dir {
	t.Helper()
	dir, err := store.Create(t.TempDir(), "20260301-1200-ab12")
	if err != nil {
		t.Fatal(err)
	}
	sum := store.Summary{State: store.StateFinished, Started: time.Now(), Host: store.Host{Lapse: runs.Version()}}
	sum.Assessment = verdict.Assessment{
		Status: checkers.Violated,
		Verdicts: []checkers.Verdict{
			{Model: models.Linearizable, Status: checkers.Violated, Violations: []checkers.Violation{{Model: models.Linearizable, Anomaly: "stale read", At: 7e9}}},
			{Model: models.ReadYourWrites, Status: checkers.Violated, Violations: []checkers.Violation{{Model: models.ReadYourWrites, Anomaly: "own write not seen", At: 4e9}}},
		},
		Promises: &verdict.Promises{Models: map[string]bool{models.Linearizable: false, models.ReadYourWrites: true}},
	}
	if edit != nil {
		edit(&sum)
	}
	if err := dir.WriteJSON(store.FileRun, sum); err != nil {
		t.Fatal(err)
	}
	return dir
}

// noisy answers as a database does: what a plan needs shows it mostly, and whatever is carried out violates something else.
type noisy struct {
	model   string
	promise hunt.Promise
	needs   func(*runs.Planned) bool
	chance  *rand.Rand
	plans   []*runs.Planned
	before  func(n int)
}

func (c *noisy) Carry(ctx context.Context, p *runs.Planned, _ hunt.Job) (hunt.Seen, error) {
	if c.before != nil {
		c.before(len(c.plans))
	}
	c.plans = append(c.plans, p)
	if ctx.Err() != nil {
		return hunt.Seen{}, ctx.Err()
	}
	other := hunt.NotPromised
	if c.promise == other {
		other = hunt.Promised
	}
	seen := hunt.Seen{Violations: []hunt.Violation{{Model: models.MonotonicReads, Anomaly: "went back", Promise: c.promise}}}
	if c.needs(p) && c.chance.Float64() < 0.95 {
		seen.Violations = append(seen.Violations, hunt.Violation{Model: c.model, Anomaly: "it", Weakest: true, Promise: c.promise})
	} else {
		seen.Violations = append(seen.Violations, hunt.Violation{Model: c.model, Anomaly: "it", Promise: other})
	}
	return seen, nil
}

func kills(p *runs.Planned) bool { return has(p, "kill") && p.Plan.Clients() >= 2 }

// TestSmaller: of a run and of a plan alone, what is left has what the violation needs, shows it often enough, and nothing else that
// is violated counts, be it another model under the same promise or the same one under another.
func TestSmaller(t *testing.T) {
	for _, c := range []struct {
		name, asked, model string
		promise            hunt.Promise
		ofRun              bool
	}{
		{"a run", "", models.ReadYourWrites, hunt.Promised, true},
		{"a run, by another model", models.Linearizable, models.Linearizable, hunt.NotPromised, true},
		{"a plan, by a model", models.Linearizable, models.Linearizable, hunt.Promised, false},
		{"a plan, by what it breaks", "", models.ReadYourWrites, hunt.Promised, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			from, err := hunt.FromPlan(t.Context(), stored(t), c.asked, environment())
			if c.ofRun {
				from, err = hunt.FromRun(t.Context(), storedRun(t, nil), stored(t), c.asked, environment())
			}
			if err != nil {
				t.Fatal(err)
			}
			if known := from.Violation.Model != ""; known != c.ofRun || c.ofRun && (from.Violation.Model != c.model || from.Violation.Promise != c.promise) {
				t.Fatalf("known is %+v", from.Violation)
			}
			db := &noisy{model: c.model, promise: c.promise, needs: kills, chance: rand.New(rand.NewPCG(seed, 0))}
			res, err := hunt.Smaller(t.Context(), from, db, hunt.Options{Budget: hunt.Budget{Runs: 5000}})
			if err != nil || len(res.Findings) != 1 {
				t.Fatalf("%v, %+v", err, res)
			}
			f := res.Findings[0]
			x := f.Shrunk
			if f.Model != c.model || x.Model != c.model || f.Plan.Plan.Models != c.model || f.Promise != c.promise {
				t.Errorf("judged by %s, then %s, in a plan for %s, %s", f.Model, x.Model, f.Plan.Plan.Models, f.Promise)
			}
			// How small it gets is chance, that it gets smaller is not.
			if !kills(f.Plan) || x.Kept < 5 || x.To.Faults >= x.From.Faults || x.To.Duration >= x.From.Duration {
				t.Errorf("%d smaller plans kept: from %s to %s", x.Kept, x.From, x.To)
			}
			if !x.Minimal || x.Rate.Hits < x.Need.Hits || x.Found.Of > 0 && x.Need.Hits > x.Found.Hits || x.Found.Of == 0 && x.Need.Hits != 8 {
				t.Errorf("%+v", x)
			}
			if (res.Runs == 0) != c.ofRun {
				t.Errorf("%d runs before it was known", res.Runs)
			}
			for _, p := range db.plans {
				if !p.Plan.StopOnViolation {
					t.Fatal("a replay goes on after its violation")
				}
			}
		})
	}
}

// TestSmallerGivesUp: a plan that breaks nothing is carried out as often as a smaller one would be, one that no replay shows half as often
// besides what is tried without faults, and a budget is kept.
func TestSmallerGivesUp(t *testing.T) {
	never := func(*runs.Planned) bool { return false }
	for _, c := range []struct {
		name           string
		ofRun          bool
		budget         int
		runs, findings int
		elusive        bool
	}{
		{"a plan", false, 1000, 10, 0, false},
		{"a plan, by the budget", false, 4, 4, 0, false},
		{"a run", true, 1000, 8, 1, true},
		{"a run, by the budget", true, 2, 2, 1, false},
	} {
		from, err := hunt.FromPlan(t.Context(), stored(t), "", environment())
		if c.ofRun {
			from, err = hunt.FromRun(t.Context(), storedRun(t, nil), stored(t), "", environment())
		}
		if err != nil {
			t.Fatal(err)
		}
		db := &noisy{model: models.ReadYourWrites, promise: hunt.Promised, needs: never, chance: rand.New(rand.NewPCG(1, 0))}
		res, err := hunt.Smaller(t.Context(), from, db, hunt.Options{Budget: hunt.Budget{Runs: c.budget}})
		if err != nil || len(db.plans) != c.runs || len(res.Findings) != c.findings {
			t.Errorf("%s: %v, %d runs, findings %+v", c.name, err, len(db.plans), res.Findings)
			continue
		}
		for _, f := range res.Findings {
			if f.Shrunk.Elusive() != c.elusive || f.Plan.Plan.Duration != 20*time.Second {
				t.Errorf("%s: %+v", c.name, f.Shrunk)
			}
		}
	}
}

// TestSmallerInterrupted: what is left by then stays, whenever the interrupt comes.
func TestSmallerInterrupted(t *testing.T) {
	for _, at := range []int{0, 5, 60} {
		ctx, cancel := context.WithCancel(t.Context())
		from, err := hunt.FromRun(t.Context(), storedRun(t, nil), stored(t), "", environment())
		if err != nil {
			t.Fatal(err)
		}
		db := &noisy{model: models.ReadYourWrites, promise: hunt.Promised, needs: kills, chance: rand.New(rand.NewPCG(3, 0))}
		db.before = func(n int) {
			if n == at {
				cancel()
			}
		}
		res, err := hunt.Smaller(ctx, from, db, hunt.Options{Budget: hunt.Budget{Runs: 5000}})
		if err != nil || !res.Interrupted || len(db.plans) != at+1 {
			t.Fatalf("interrupted at %d: %v, %d plans", at, err, len(db.plans))
		}
		f := res.Findings[0]
		if !kills(f.Plan) || f.Shrunk.Minimal || (f.Shrunk.Kept > 0) != (at == 60) || f.Shrunk.Kept > 0 && f.Shrunk.Rate.Hits < 8 {
			t.Errorf("interrupted at %d: %+v", at, f.Shrunk)
		}
	}
}

// TestFromRunsWithoutAViolation: what cannot be made small is refused with what it is; pairs of one that can.
func TestFromRunsWithoutAViolation(t *testing.T) {
	judged := func(status checkers.Status) func(*store.Summary) {
		return func(s *store.Summary) {
			s.Assessment = verdict.Assessment{Status: status, Verdicts: []checkers.Verdict{{Model: models.Linearizable, Status: status}}}
		}
	}
	for _, c := range []struct {
		name, model string
		edit        func(*store.Summary)
		want        string
	}{
		{"violated", "", nil, ""},
		{"held", "", judged(checkers.Held), "it is held"},
		{"inconclusive", "", judged(checkers.Inconclusive), "it is inconclusive"},
		{"not judged", "", func(s *store.Summary) { s.Assessment = verdict.Assessment{} }, "was not judged"},
		{"goes on", "", func(s *store.Summary) { s.State, s.Assessment = store.StateRunning, verdict.Assessment{} }, "goes on"},
		{"killed", "", func(s *store.Summary) {
			s.State, s.Assessment, s.Started = store.StateRunning, verdict.Assessment{}, time.Now().AddDate(0, 0, -2)
		}, "was killed before it was judged"},
		{"another model", models.NoLostWrites, nil, "--model no-lost-writes: run 20260301-1200-ab12 violated read-your-writes, linearizable, and not that"},
	} {
		_, err := hunt.FromRun(t.Context(), storedRun(t, c.edit), stored(t), c.model, environment())
		var usage *targets.UsageError
		if (err != nil) != (c.want != "") || err != nil && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	driven := stored(t)
	driven.Drivers, driven.DriverListen, driven.Provider = 2, "127.0.0.1:7399", "local"
	if _, err := hunt.FromPlan(t.Context(), driven, "", environment()); err == nil || !strings.Contains(err.Error(), "drivers") {
		t.Errorf("clients in drivers: %v", err)
	}
}

// TestFromAnotherVersion: what another lapse said is looked at anew.
func TestFromAnotherVersion(t *testing.T) {
	dir := storedRun(t, func(s *store.Summary) { s.Host.Lapse = "0.0.1" })
	from, err := hunt.FromRun(t.Context(), dir, stored(t), "", environment())
	if err != nil || from.Violation.Model != "" || from.Plan.Plan.Models != models.ReadYourWrites {
		t.Errorf("%v, %+v", err, from)
	}
}

// TestFromReached: how far the load was when the model was violated first is read from the run's history.
func TestFromReached(t *testing.T) {
	const sec = history.Time(1e9)
	for _, c := range []struct {
		name, model string
		load        history.Time
		want        time.Duration
	}{
		{"the weakest model", "", sec, 3 * time.Second},
		{"another one", models.Linearizable, sec, 6 * time.Second},
		{"no load", "", 0, 0},
		{"before the load", "", 5 * sec, 0},
	} {
		dir := storedRun(t, nil)
		b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1"}})
		if c.load > 0 {
			b.AddEvent(history.Event{At: c.load, Kind: history.EventPhase, Text: harness.PhaseLoad})
		}
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		if err := history.WriteFile(dir.File(store.FileHistory), h); err != nil {
			t.Fatal(err)
		}
		from, err := hunt.FromRun(t.Context(), dir, stored(t), c.model, environment())
		if err != nil || from.Reached != c.want {
			t.Errorf("%s: %v, %s, want %s", c.name, err, from.Reached, c.want)
		}
	}
}
