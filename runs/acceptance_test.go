package runs

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/registry"
)

// testCache is where the tests keep fetched software between runs.
func testCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "lapse")
}

func testEnvironment(t *testing.T) Environment {
	t.Helper()
	return Environment{
		Targets: registry.All(), Providers: registry.Providers(),
		Out: t.TempDir(), Cache: testCache(),
		Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler),
	}
}

func carryOut(t *testing.T, r Request) *Finished {
	t.Helper()
	f, err := runRequest(t.Context(), r, 3, sandbox.Provider{}, "", testEnvironment(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Summary.Err(); err != nil {
		t.Error(err)
	}
	t.Logf("%s: %s", f.Summary.Reproduce, f.Summary.Exit.Reason)
	return f
}

// explain logs everything that a wrong verdict has to be judged by.
func explain(t *testing.T, f *Finished) {
	t.Helper()
	for _, v := range f.Summary.Verdicts {
		t.Logf("%s %s %v %+v", v.Model, v.Status, v.Reasons, v.Evidence)
		for i := range v.Violations {
			t.Log(v.Violations[i].Sentence)
			for _, op := range v.Violations[i].Ops {
				t.Log(text.Op(f.History, op))
			}
		}
	}
}

func expectStatus(t *testing.T, f *Finished, model string, want checkers.Status) checkers.Verdict {
	t.Helper()
	v, ok := f.Summary.ByModel(model)
	if !ok {
		t.Fatalf("no verdict on %s", model)
	}
	if v.Status != want {
		explain(t, f)
		t.Fatalf("%s is %s, want %s", model, v.Status, want)
	}
	return v
}

// TestSelftestCatchesEveryDefect is `lapse selftest`. Each run has nodes and networks of its own and leaves a core idle
// most of the time, so several go side by side.
func TestSelftestCatchesEveryDefect(t *testing.T) {
	cases := SelftestCases(5 * time.Second)
	for _, d := range defect.All() {
		if !slices.ContainsFunc(cases, func(c Case) bool { return c.Defect == d.Name }) {
			t.Errorf("the selftest has no case for %s", d.Name)
		}
	}
	for _, c := range cases {
		t.Run(c.Defect, func(t *testing.T) {
			t.Parallel()
			s, err := Selftest(t.Context(), c, "selftest", SelftestSeed, sandbox.Provider{}, "", testEnvironment(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %d violations in try %d, seed %d", c.Defect, s.Violations, s.Try, s.Seed)
			if !s.Caught {
				t.Errorf("%s was not caught by any of the seeds %d to %d", c.Defect, SelftestSeed, s.Seed)
			}
			if s.Control != checkers.Held {
				t.Errorf("the same configuration without the defect is %s: %q", s.Control, s.ControlReasons)
			}
		})
	}
}

// TestCorrectStoreRaisesNoAlarm is `lapse selftest --soak`. LAPSE_SOAK_RUNS
// chooses another number of runs than the 50 of the acceptance.
func TestCorrectStoreRaisesNoAlarm(t *testing.T) {
	n := 50
	if s := os.Getenv("LAPSE_SOAK_RUNS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			var f *Finished
			for length := 3 * time.Second; length <= 12*time.Second; length *= 2 {
				var err error
				if f, err = Soak(t.Context(), i, "selftest", length, sandbox.Provider{}, "", testEnvironment(t)); err != nil {
					t.Fatal(err)
				}
				if f.Summary.Status != checkers.Inconclusive {
					break // else a busy machine may have done too little in that time
				}
			}
			if f.Summary.Status != checkers.Held {
				explain(t, f)
				t.Fatalf("run %d (seed %d) is %s", i, i+1, f.Summary.Status)
			}
		})
	}
}

// TestRunAndCheckAgree checks a stored run again.
func TestRunAndCheckAgree(t *testing.T) {
	f := carryOut(t, Request{
		Target: "quorumkv", WriteLevel: "1", ReadLevel: "1", Workload: "session",
		Models: "linearizable,read-your-writes", Faults: "partition", Rate: 400, Duration: 5 * time.Second,
	})
	first := expectStatus(t, f, "linearizable", checkers.Violated)
	expectStatus(t, f, "read-your-writes", checkers.Violated)
	if s := f.Summary.Staleness; s == nil || s.All.Stale.N == 0 || len(s.Groups) == 0 || s.Delta == 0 {
		t.Errorf("the staleness of the reads was not measured: %+v", s)
	}
	h, err := history.ReadFile(f.Dir.File(store.FileHistory))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := harness.ReadPlan(f.Dir.File(store.FilePlan))
	if err != nil {
		t.Fatal(err)
	}
	p, err := FromPlan(t.Context(), plan, testEnvironment(t))
	if err != nil {
		t.Fatal(err)
	}
	again := verdict.Assess(t.Context(), h, p.Models, checkers.Budget{}, f.Summary.Require)
	if err := again.Err(); err != nil {
		t.Fatal(err)
	}
	second, _ := again.ByModel("linearizable")
	if first.Total != second.Total || !slices.Equal(first.Violations[0].Ops, second.Violations[0].Ops) {
		t.Errorf("the run found %d violations, first %v; checking it again %d, first %v", first.Total, first.Violations[0].Ops, second.Total, second.Violations[0].Ops)
	}
	for _, file := range []string{store.FilePlan, store.FileRun, store.FileVerdict, store.FileLog, "violations/001/explain.txt", "violations/001/witness.json", "violations/001/witness.jsonl", "violations/001/porcupine.html", "nodes/n1/quorumkv.log"} {
		if fi, err := os.Stat(f.Dir.File(file)); err != nil || fi.Size() == 0 {
			t.Errorf("the run directory lacks %s: %v", file, err)
		}
	}
	witness, err := history.ReadFile(f.Dir.File("violations/001/witness.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	alone := verdict.Assess(t.Context(), witness, p.Models[:1], checkers.Budget{}, verdict.Require{})
	if err := alone.Err(); err != nil {
		t.Fatal(err)
	}
	if alone.Status != checkers.Violated {
		t.Errorf("the stored witness alone is %s", alone.Status)
	}
}

// TestDemonstration is `make run`, where namespaces can be had and where they
// cannot.
func TestDemonstration(t *testing.T) {
	for _, provider := range []cluster.Provider{sandbox.Provider{}, local.Provider{}} {
		t.Run(provider.Name(), func(t *testing.T) {
			t.Parallel()
			r := Request{
				Target: "quorumkv", WriteLevel: "1", ReadLevel: "1", Workload: "session",
				Models: "read-your-writes,linearizable", Faults: "partition", Rate: 400, Duration: 6 * time.Second,
			}
			for _, want := range []checkers.Status{checkers.Violated, checkers.Held} {
				f, err := runRequest(t.Context(), r, 7, provider, "", testEnvironment(t))
				if err != nil {
					t.Fatal(err)
				}
				expectStatus(t, f, "read-your-writes", want)
				expectStatus(t, f, "linearizable", want)
				r.WriteLevel, r.ReadLevel, r.Options = "2", "2", correct(nil)
			}
		})
	}
}

func postgres(write, read, faults string) Request {
	return Request{
		Target: "postgres", WriteLevel: write, ReadLevel: read, Workload: "session",
		Models: "read-your-writes", Faults: faults, Rate: 300, Duration: 8 * time.Second,
	}
}

func TestPostgresReadYourWrites(t *testing.T) {
	for _, c := range []struct {
		read string
		want checkers.Status
	}{
		{"replica", checkers.Violated},
		{"sticky", checkers.Held},
		{"wait-for-lsn", checkers.Held},
	} {
		t.Run(c.read, func(t *testing.T) {
			t.Parallel()
			expectStatus(t, carryOut(t, postgres("local", c.read, "partition-one")), "read-your-writes", c.want)
		})
	}
}

// TestPostgresFailover kills the primary while it is cut off from its standbys.
func TestPostgresFailover(t *testing.T) {
	for _, c := range []struct {
		write, sync string
		want        checkers.Status
	}{
		{"local", "none", checkers.Violated},
		{"remote_apply", "any:1", checkers.Held},
	} {
		t.Run(c.write, func(t *testing.T) {
			t.Parallel()
			r := postgres(c.write, "primary", "partition-primary,kill-primary")
			r.FaultMode, r.Models, r.Duration = "mixed", "no-lost-writes", 15*time.Second
			r.Options = map[string]string{"failover": "on", "sync": c.sync}
			expectStatus(t, carryOut(t, r), "no-lost-writes", c.want)
		})
	}
}
