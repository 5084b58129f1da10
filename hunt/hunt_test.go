package hunt_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/hunt"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/targets/quorumkv"
	"github.com/lapse-test/lapse/workloads"
	"github.com/lapse-test/lapse/workloads/named"
)

// fake answers for a database from the plan alone.
type fake struct {
	// violates says whether the run of a plan, which is the n-th, shows the violation.
	violates func(p *runs.Planned, n int) bool
	// before is called before each run.
	before func(n int)
	plans  []*runs.Planned
	texts  []string
}

func (f *fake) Carry(ctx context.Context, p *runs.Planned, _ hunt.Job) (hunt.Seen, error) {
	n := len(f.plans)
	f.plans = append(f.plans, p)
	text, err := p.Plan.Encode()
	if err != nil {
		return hunt.Seen{}, err
	}
	f.texts = append(f.texts, string(text))
	if f.before != nil {
		f.before(n)
	}
	if ctx.Err() != nil {
		return hunt.Seen{}, ctx.Err()
	}
	seen := hunt.Seen{Held: []string{models.Linearizable}, AtRisk: map[string]int{models.Linearizable: 100}, Near: float64(len(p.Plan.Schedule.Steps)) / 20}
	for i, st := range p.Plan.Schedule.Steps {
		seen.Signs = append(seen.Signs, fmt.Sprintf("%s %d at %d", st.Fault, i, st.At/time.Second))
		seen.Cells = append(seen.Cells, hunt.Cell{Fault: st.Fault, State: hunt.Alone})
	}
	if f.violates != nil && f.violates(p, n) {
		seen.Held = nil
		seen.Violations = []hunt.Violation{{Model: models.Linearizable, Anomaly: "stale read", Sentence: "it was stale", Weakest: true, Promise: hunt.Promised}}
	}
	return seen, nil
}

func space(t *testing.T, edit func(*settings.Run), fixed ...string) *hunt.Space {
	t.Helper()
	req := settings.Defaults()
	req.Target, req.WriteLevel, req.ReadLevel, req.Models = "quorumkv", "2", "2", models.Linearizable
	if edit != nil {
		edit(&req)
	}
	s, err := hunt.NewSpace(t.Context(), req, fixed, environment())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func environment() runs.Environment {
	return runs.Environment{Targets: []targets.Target{quorumkv.New()}, Providers: providers.Native()}
}

func search(t *testing.T, s *hunt.Space, f *fake, o hunt.Options) *hunt.Result {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Duration { return time.Duration(len(f.plans)) * 7 * time.Second }
	}
	res, err := hunt.Search(t.Context(), s, f, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// has tells whether the plan has a fault.
func has(p *runs.Planned, fault string) bool {
	return slices.ContainsFunc(p.Plan.Schedule.Steps, func(s nemesis.Step) bool { return s.Fault == fault })
}

func TestSameSeedSameSearch(t *testing.T) {
	make := func(seed uint64, rare int) (*fake, *hunt.Result) {
		f := &fake{violates: func(p *runs.Planned, n int) bool { return has(p, "kill-all") && n%rare != 0 }}
		return f, search(t, space(t, nil), f, hunt.Options{Seed: seed, Budget: hunt.Budget{Runs: 60}, Findings: 2})
	}
	a, first := make(3, 7)
	b, again := make(3, 7)
	if !slices.Equal(a.texts, b.texts) {
		t.Error("the same seed and the same answers made other plans")
	}
	one, _ := json.Marshal(first)
	two, _ := json.Marshal(again)
	if string(one) != string(two) {
		t.Errorf("the results differ:\n%s\n%s", one, two)
	}
	if c, _ := make(4, 7); slices.Equal(a.texts, c.texts) {
		t.Error("another seed made the same plans")
	}
	if d, _ := make(3, 2); slices.Equal(a.texts, d.texts) {
		t.Error("other answers made the same plans")
	}
}

// TestEveryFaultHasItsTurn: nothing that the target can have is left out for long, whatever the seed.
func TestEveryFaultHasItsTurn(t *testing.T) {
	s := space(t, nil)
	for seed := range uint64(10) {
		everyTurn(t, s, seed)
	}
}

func everyTurn(t *testing.T, s *hunt.Space, seed uint64) {
	t.Helper()
	f := &fake{}
	search(t, s, f, hunt.Options{Seed: seed, Budget: hunt.Budget{Runs: 100}})
	loads := map[string]bool{}
	for _, p := range f.plans {
		loads[p.Plan.Workload] = true
	}
	for _, l := range s.Workloads {
		if !loads[l.Name] {
			t.Errorf("seed %d: workload %s was never tried", seed, l.Name)
		}
	}
	for _, fault := range s.Faults {
		if !slices.ContainsFunc(f.plans, func(p *runs.Planned) bool { return has(p, fault) || slices.Contains(p.Plan.Schedule.Faults, fault) }) && !mixed(fault) {
			t.Errorf("seed %d: fault %s was never tried", seed, fault)
		}
	}
}

// mixed tells whether a fault is one of several by chance.
func mixed(fault string) bool {
	s := nemesis.Schedule{Version: 1, Mode: nemesis.Mixed, Nodes: []string{"n1", "n2", "n3"}, Steps: []nemesis.Step{{Hold: 1, Fault: fault}}}
	err := s.Validate()
	return err != nil && strings.Contains(err.Error(), "is a mix")
}

// TestWhatIsFixedStays: what the user set is in every plan, changed ones too.
func TestWhatIsFixedStays(t *testing.T) {
	s := space(t, func(r *settings.Run) {
		r.Workload, r.Rate, r.Keys, r.Duration, r.Faults, r.Session = "session", 123, 3, 9*time.Second, "kill,pause", "stay"
	}, "workload", "rate", "keys", "duration", "faults", "session")
	f := &fake{}
	search(t, s, f, hunt.Options{Seed: 5, Budget: hunt.Budget{Runs: 50}})
	for _, p := range f.plans {
		r := p.Plan.Run
		if r.Workload != "session" || r.Rate != 123 || r.Keys != 3 || r.Duration != 9*time.Second || r.Session != "stay" {
			t.Fatalf("%+v", r)
		}
		for _, st := range p.Plan.Schedule.Steps {
			if st.Fault != "kill" && st.Fault != "pause" {
				t.Fatalf("fault %s", st.Fault)
			}
		}
	}
}

// TestShrink has violations that need some things and not others: these go, those stay.
func TestShrink(t *testing.T) {
	for _, c := range []struct {
		name  string
		needs func(p *runs.Planned) bool
		want  func(p *runs.Planned, z hunt.Size) bool
	}{
		{"nothing", func(*runs.Planned) bool { return true }, func(_ *runs.Planned, z hunt.Size) bool {
			return z == hunt.Size{Duration: time.Second, Clients: 1, Keys: 1, Nodes: 3, Rate: z.Rate} && z.Rate < 40
		}},
		{"a fault", func(p *runs.Planned) bool { return has(p, "kill") }, func(_ *runs.Planned, z hunt.Size) bool {
			return z.Faults == 1 && z.Duration <= 1500*time.Millisecond && z.Clients == 1
		}},
		{"two faults and load", func(p *runs.Planned) bool {
			return has(p, "kill") && has(p, "pause") && p.Plan.Rate >= 300 && p.Plan.Clients() >= 2 && p.Plan.Duration >= 3*time.Second
		}, func(_ *runs.Planned, z hunt.Size) bool {
			return z.Faults == 2 && z.Rate >= 300 && z.Rate < 400 && z.Clients == 2 && z.Duration >= 3*time.Second && z.Duration <= 4*time.Second
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{violates: func(p *runs.Planned, _ int) bool { return c.needs(p) }}
			s := space(t, func(r *settings.Run) { r.Faults = "kill,pause,partition-one" }, "faults")
			res := search(t, s, f, hunt.Options{Seed: 2, Budget: hunt.Budget{Runs: 3000}, Findings: 1})
			if len(res.Findings) != 1 {
				t.Fatalf("%d findings", len(res.Findings))
			}
			x := res.Findings[0]
			if x.Shrunk == nil || !x.Shrunk.Minimal || x.Shrunk.Rate != (hunt.Share{Hits: 10, Of: 10}) || !c.needs(x.Plan) || !c.want(x.Plan, x.Shrunk.To) {
				t.Errorf("%+v, of %+v", x.Shrunk, x.Plan.Plan.Run)
			}
			// The command makes the very plan.
			req := x.Plan.Plan.Run
			again, err := runs.Plan(t.Context(), req, environment())
			if err != nil {
				t.Fatal(err)
			}
			one, _ := x.Plan.Plan.Encode()
			two, _ := again.Plan.Encode()
			if string(one) != string(two) {
				t.Errorf("made anew it is another plan:\n%s\n%s", one, two)
			}
		})
	}
}

// TestShrinkLeaps: what needs no fault is made small without one, what had come by the time of the violation without what was to
// follow; the plan as it was found is not carried out again.
func TestShrinkLeaps(t *testing.T) {
	const reached = 2 * time.Second
	upTo := func(p *runs.Planned) int { // how many faults began before the load had gone so far
		n := 0
		for _, st := range p.Plan.Schedule.Steps {
			if st.At < reached {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		name    string
		needs   func(p *runs.Planned) bool
		reached time.Duration
		// found is how often the plan as found showed it, faults how many are left.
		found  hunt.Share
		faults int
	}{
		{"no fault", func(*runs.Planned) bool { return true }, reached, hunt.Share{}, 0},
		{"what came before", func(p *runs.Planned) bool { return upTo(p) > 0 }, reached, hunt.Share{}, 1},
		{"nobody knows when", func(p *runs.Planned) bool { return upTo(p) > 0 }, 0, hunt.Share{Hits: 10, Of: 10}, 1},
		{"what came after", func(p *runs.Planned) bool { return len(p.Plan.Schedule.Steps) > upTo(p) }, reached, hunt.Share{Hits: 10, Of: 10}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{violates: func(p *runs.Planned, _ int) bool { return c.needs(p) }}
			most := 0 // the most faults in a replay
			timed := carrier(func(ctx context.Context, p *runs.Planned, job hunt.Job) (hunt.Seen, error) {
				seen, err := f.Carry(ctx, p, job)
				if len(seen.Violations) > 0 {
					seen.Reached = c.reached
				}
				if job.Replay {
					most = max(most, len(p.Plan.Schedule.Steps))
				}
				return seen, err
			})
			s := space(t, func(r *settings.Run) { r.Faults = "kill,pause,partition-one" }, "faults")
			res, err := hunt.Search(t.Context(), s, timed, hunt.Options{Seed: 2, Budget: hunt.Budget{Runs: 3000}, Findings: 1})
			if err != nil {
				t.Fatal(err)
			}
			x := res.Findings[0].Shrunk
			if x.Found != c.found || !x.Minimal || x.To.Faults != c.faults || x.Rate != (hunt.Share{Hits: 10, Of: 10}) || x.Elusive() {
				t.Errorf("%+v", x)
			}
			if spared := most < x.From.Faults; spared != (c.found.Of == 0) {
				t.Errorf("of %d faults a replay had %d", x.From.Faults, most)
			}
		})
	}
}

// TestShrinkKeepsTheRate: a plan that shows the violation less often than what is asked
// for takes no place of one that does.
func TestShrinkKeepsTheRate(t *testing.T) {
	hits, of := map[int]int{}, map[int]int{}
	f := &fake{violates: func(p *runs.Planned, _ int) bool {
		// Every fault makes it three in ten likelier, in a fixed order.
		n := min(3*len(p.Plan.Schedule.Steps), 10)
		of[n]++
		hit := of[n]*7%10 < n
		if hit {
			hits[n]++
		}
		return hit
	}}
	s := space(t, func(r *settings.Run) { r.Faults = "kill,pause" }, "faults")
	res := search(t, s, f, hunt.Options{Seed: 9, Budget: hunt.Budget{Runs: 3000}, Findings: 1})
	x := res.Findings[0]
	if x.Shrunk.Rate.Hits < x.Shrunk.Need.Hits || x.Shrunk.Need.Hits > 8 || x.Shrunk.Need.Hits > x.Shrunk.Found.Hits {
		t.Errorf("%+v", x.Shrunk)
	}
}

// TestShrinkKeepsThePromise: with fewer nodes nothing may be promised, and a violation of
// what is not promised is another one.
func TestShrinkKeepsThePromise(t *testing.T) {
	f := &fake{violates: func(*runs.Planned, int) bool { return true }}
	c := carrier(func(ctx context.Context, p *runs.Planned, job hunt.Job) (hunt.Seen, error) {
		seen, err := f.Carry(ctx, p, job)
		if p.Plan.Nodes < 3 {
			seen.Violations[0].Promise = hunt.NotPromised
		}
		return seen, err
	})
	res, err := hunt.Search(t.Context(), space(t, nil), c, hunt.Options{Seed: 2, Budget: hunt.Budget{Runs: 3000}, Findings: 1})
	if err != nil || res.Findings[0].Plan.Plan.Nodes != 3 {
		t.Errorf("%v, %+v", err, res.Findings[0].Shrunk)
	}
}

// TestShrinkGoesByWhatShowsOften: the weakest model that the first run violated is violated in one run of ten, another one in
// each that has a kill.
func TestShrinkGoesByWhatShowsOften(t *testing.T) {
	f := &fake{violates: func(p *runs.Planned, _ int) bool { return has(p, "kill") }}
	replays := 0
	c := carrier(func(ctx context.Context, p *runs.Planned, job hunt.Job) (hunt.Seen, error) {
		seen, err := f.Carry(ctx, p, job)
		if job.Replay {
			replays++
		}
		if len(seen.Violations) > 0 && replays%10 == 0 {
			seen.Violations[0].Weakest = false
			seen.Violations = append(seen.Violations, hunt.Violation{Model: models.NoLostWrites, Anomaly: "lost write", Weakest: true, Promise: hunt.Promised})
		}
		return seen, err
	})
	s := space(t, func(r *settings.Run) { r.Faults = "kill,pause" }, "faults")
	res, err := hunt.Search(t.Context(), s, c, hunt.Options{Seed: 2, Budget: hunt.Budget{Runs: 3000}, Findings: 1})
	if err != nil {
		t.Fatal(err)
	}
	x := res.Findings[0]
	if x.Model != models.NoLostWrites || x.Shrunk.Model != models.Linearizable || x.Shrunk.Found != (hunt.Share{Hits: 10, Of: 10}) || !x.Shrunk.Minimal || x.Shrunk.To.Faults != 1 {
		t.Errorf("%s, %+v", x.Model, x.Shrunk)
	}
}

type carrier func(context.Context, *runs.Planned, hunt.Job) (hunt.Seen, error)

func (c carrier) Carry(ctx context.Context, p *runs.Planned, job hunt.Job) (hunt.Seen, error) {
	return c(ctx, p, job)
}

func TestBudget(t *testing.T) {
	f := &fake{}
	if res := search(t, space(t, nil), f, hunt.Options{Budget: hunt.Budget{Runs: 12}}); res.Runs != 12 || len(f.plans) != 12 {
		t.Errorf("%d runs of 12", res.Runs)
	}
	f = &fake{}
	if res := search(t, space(t, nil), f, hunt.Options{Budget: hunt.Budget{Time: time.Minute}}); res.Runs != 9 && res.Runs != 8 {
		t.Errorf("%d runs of 7 s in a minute", res.Runs)
	}
	// What shrinking takes is in it.
	f = &fake{violates: func(*runs.Planned, int) bool { return true }}
	res := search(t, space(t, nil), f, hunt.Options{Budget: hunt.Budget{Runs: 30}, Findings: 1})
	if res.Runs+res.Replays > 30 || len(f.plans) > 30 || res.Findings[0].Shrunk.Minimal {
		t.Errorf("%d runs and %d replays of 30: %+v", res.Runs, res.Replays, res.Findings[0].Shrunk)
	}
}

// TestKnown: what is known is told, ends no hunt and is not made small.
func TestKnown(t *testing.T) {
	f := &fake{violates: func(*runs.Planned, int) bool { return true }}
	res := search(t, space(t, nil), f, hunt.Options{Budget: hunt.Budget{Runs: 20}, Findings: 1, Known: func(k hunt.Kind) bool { return k.Anomaly == "stale read" }})
	if res.Runs != 20 || res.Replays != 0 || len(res.Findings) != 1 || !res.Findings[0].Known || res.Findings[0].Times != 20 {
		t.Errorf("%d runs, %d replays, %+v", res.Runs, res.Replays, res.Findings)
	}
}

// TestInterrupt: what there is stays, whenever the interrupt comes.
func TestInterrupt(t *testing.T) {
	for _, at := range []int{0, 3, 25} {
		ctx, cancel := context.WithCancel(t.Context())
		f := &fake{violates: func(_ *runs.Planned, n int) bool { return n == 2 || n > 2 && n%2 == 0 }}
		f.before = func(n int) {
			if n == at {
				cancel()
			}
		}
		res, err := hunt.Search(ctx, space(t, nil), f, hunt.Options{Budget: hunt.Budget{Runs: 100}, Findings: 1})
		if err != nil || !res.Interrupted || len(f.plans) != at+1 || len(res.Findings) != min(at/3, 1) {
			t.Errorf("interrupted at %d: %v, %d plans, %+v", at, err, len(f.plans), res)
		}
	}
}

// TestTrouble: an environment that does not work ends the hunt with what it has.
func TestTrouble(t *testing.T) {
	broken, n := errors.New("no node could be made"), 0
	c := carrier(func(context.Context, *runs.Planned, hunt.Job) (hunt.Seen, error) {
		if n++; n%4 == 0 {
			return hunt.Seen{}, nil
		}
		return hunt.Seen{}, broken
	})
	res, err := hunt.Search(t.Context(), space(t, nil), c, hunt.Options{Budget: hunt.Budget{Runs: 100}})
	if !errors.Is(err, broken) || res.Runs != 3 || res.Fruitless != 3 {
		t.Errorf("%v after %d runs", err, res.Runs)
	}
}

func TestSpace(t *testing.T) {
	s := space(t, func(r *settings.Run) {
		r.Models, r.Options = "", map[string]string{"read_repair": "blocking", "write_timestamps": "quorum"}
	})
	if !slices.Contains(settings.Names(s.Base.Models), models.Linearizable) {
		t.Errorf("what is promised is %s", s.Base.Models)
	}
	for _, want := range []string{"kill", "pause", "clock"} {
		if !slices.Contains(s.Faults, want) {
			t.Errorf("no %s among %v", want, s.Faults)
		}
	}
	if !slices.IsSorted(s.Durations) || s.Durations[0] < 5*time.Second {
		t.Errorf("loads last %v", s.Durations)
	}
	for _, c := range []struct {
		edit func(*settings.Run)
		want string
	}{
		{func(r *settings.Run) { r.Target = "nosuch" }, `no target "nosuch"`},
		{func(r *settings.Run) { r.Models = "linearisable" }, "linearizable"},
		{func(r *settings.Run) { r.Models, r.WriteLevel, r.ReadLevel = "", "1", "1" }, "--model"},
		{func(r *settings.Run) { r.Faults = "kil" }, "kill"},
		{func(r *settings.Run) { r.Nodes, r.WriteLevel, r.ReadLevel = 1, "1", "1"; r.Faults = "partition" }, "partition"},
	} {
		req := settings.Defaults()
		req.Target, req.WriteLevel, req.ReadLevel, req.Models = "quorumkv", "2", "2", models.Linearizable
		c.edit(&req)
		_, err := hunt.NewSpace(t.Context(), req, nil, environment())
		var usage *targets.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want something of %q", err, c.want)
		}
	}
}

// TestKeptApartIsHuntedByName: that tenants are kept apart is promised at every level, and no matter of faults and times;
// who names such a workload hunts it.
func TestKeptApartIsHuntedByName(t *testing.T) {
	hunted := func(workload string, fixed ...string) *hunt.Space {
		return space(t, func(r *settings.Run) {
			r.Models, r.Workload = "", workload
			r.Options = map[string]string{"read_repair": "blocking", "write_timestamps": "quorum"}
		}, fixed...)
	}
	open := hunted("")
	some := 0
	for _, w := range workloads.All() {
		if !workloads.Separates(w) {
			continue
		}
		some++
		if slices.ContainsFunc(open.Workloads, func(l hunt.Workload) bool { return l.Name == w.Name() }) {
			t.Errorf("%s is hunted without being named", w.Name())
		}
		named := hunted(w.Name(), "workload")
		if len(named.Workloads) != 1 || named.Workloads[0].Name != w.Name() {
			t.Errorf("%s was named, and %v is hunted", w.Name(), named.Workloads)
		}
		for _, m := range w.Models() {
			if slices.Contains(settings.Names(open.Base.Models), m) || !slices.Contains(settings.Names(named.Base.Models), m) {
				t.Errorf("%s: hunted unnamed %s, named %s", m, open.Base.Models, named.Base.Models)
			}
		}
	}
	if some == 0 {
		t.Error("no workload is about who shares a database")
	}
}

func TestResultIsWhole(t *testing.T) {
	f := &fake{}
	res := search(t, space(t, nil), f, hunt.Options{Budget: hunt.Budget{Runs: 10}})
	if len(res.Curve) != 10 || res.Curve[9].Signs != res.Estimate.Signs || res.Estimate.Signs == 0 || len(res.Covered) == 0 {
		t.Errorf("%+v", res)
	}
	if !reflect.DeepEqual(res.Models, []hunt.Tally{{Model: models.Linearizable, Held: 10, AtRisk: 1000}}) {
		t.Errorf("%+v", res.Models)
	}
	if e := res.Estimate; e.RatePerRun < 0.25 || e.RatePerRun > 0.27 {
		t.Errorf("none in ten runs bounds the rate by %g", e.RatePerRun)
	}
}

// TestWorkloadsThatAModelDecides: a workload whose operations no checker of the wanted models takes is not drawn, however near its
// own models stand to them; with a model that takes them it is.
func TestWorkloadsThatAModelDecides(t *testing.T) {
	sharded := func(model string) []string {
		s := space(t, func(r *settings.Run) {
			r.Models, r.WriteLevel, r.ReadLevel = model, "", ""
			r.Options = map[string]string{"mode": "sharded"}
		})
		var names []string
		for _, w := range s.Workloads {
			names = append(names, w.Name)
		}
		return names
	}
	for _, c := range []struct {
		model         string
		drawn, spared []string
	}{
		{models.NoLostWrites, []string{named.Register, named.Session}, []string{named.Append}},
		{models.ReadYourWrites, []string{named.Register, named.Session}, nil},
		{models.StrictSerializable, []string{named.Append}, nil},
	} {
		got := sharded(c.model)
		for _, w := range c.drawn {
			if !slices.Contains(got, w) {
				t.Errorf("%s is hunted in %v, and not in %s", c.model, got, w)
			}
		}
		for _, w := range c.spared {
			if slices.Contains(got, w) {
				t.Errorf("%s is hunted in %s, of which nothing decides it", c.model, w)
			}
		}
	}
}

// TestWhatNoReplayShows: a finding that half of the replays do not show once is told, the rest of them is spared, and the search goes
// on, until a plan shows it again.
func TestWhatNoReplayShows(t *testing.T) {
	once := &fake{violates: func(_ *runs.Planned, n int) bool { return n == 0 }}
	res := search(t, space(t, nil), once, hunt.Options{Budget: hunt.Budget{Runs: 30}, Findings: 1})
	if len(res.Findings) != 1 || res.Findings[0].Shrunk.Found != (hunt.Share{Of: 5}) || res.Replays != 8 || res.Runs != 22 {
		t.Errorf("%d runs, %d replays, findings %+v", res.Runs, res.Replays, res.Findings)
	}
	often := &fake{violates: func(_ *runs.Planned, n int) bool { return n == 0 || n > 11 }}
	res = search(t, space(t, nil), often, hunt.Options{Budget: hunt.Budget{Runs: 200}, Findings: 1})
	if len(res.Findings) != 1 {
		t.Fatalf("findings %+v", res.Findings)
	}
	f := res.Findings[0]
	if f.Found != 1 || f.Times != 2 || f.Shrunk.Found != (hunt.Share{}) || f.Shrunk.Kept == 0 {
		t.Errorf("found in run %d, %d times; made smaller: %+v", f.Found, f.Times, f.Shrunk)
	}
	// Three replays are without faults, and five of the plan itself.
	for i, text := range often.texts[:12] {
		if same := text == often.texts[0]; same != (i == 0 || i >= 4 && i <= 8) {
			t.Errorf("run %d: the plan of the first is carried out again: %v", i+1, same)
		}
	}
}

// TestLoadsEndAtTheViolation: who wants one violation does not wait for the rest of its load; who wants more, or knows some, has all
// of it, because what comes first would hide the others.
func TestLoadsEndAtTheViolation(t *testing.T) {
	for _, c := range []struct {
		name string
		o    hunt.Options
		want bool
	}{
		{"one", hunt.Options{Findings: 1}, true},
		{"two", hunt.Options{Findings: 2}, false},
		{"all", hunt.Options{}, false},
		{"one that is news", hunt.Options{Findings: 1, Known: func(hunt.Kind) bool { return false }}, false},
	} {
		f := &fake{violates: func(_ *runs.Planned, n int) bool { return n > 3 }}
		c.o.Budget.Runs = 40
		search(t, space(t, nil), f, c.o)
		for i, p := range f.plans {
			if p.Plan.StopOnViolation != c.want {
				t.Errorf("%s: run %d ends at its first violation: %v", c.name, i+1, p.Plan.StopOnViolation)
			}
		}
	}
}

// TestFirstPlansDiffer: the second plan has the faults that the first one has not, as far as there are so many.
func TestFirstPlansDiffer(t *testing.T) {
	for _, c := range []struct {
		faults string
		both   int
	}{
		{"", 0},
		{"partition,kill,pause,kill-all,clock,clients,flap", 3},
		{"partition,kill", 2},
	} {
		s := space(t, func(r *settings.Run) { r.Faults = c.faults }, "faults")
		f := &fake{}
		search(t, s, f, hunt.Options{Budget: hunt.Budget{Runs: 2}})
		first, second := f.plans[0].Plan.Schedule.Faults, f.plans[1].Plan.Schedule.Faults
		both := 0
		for _, x := range first {
			if slices.Contains(second, x) {
				both++
			}
		}
		if both != c.both || len(second) != len(first) {
			t.Errorf("of %v: first %v, then %v", s.Faults, first, second)
		}
	}
}
