package suite

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/hunt"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/registry"
)

const hunted = `apiVersion: lapse/v1
name: hunted
seed: "7"
targets:
  s: {kind: quorumkv, nodes: 3, options: {read_repair: blocking, write_timestamps: quorum, defects: stale-cache}}
defaults: {opTimeout: 1s}
cases:
  - name: search
    hunt: {budget: 30s}
    matrix: {target: [s], levels: [W2R2], faults: [[kill, partition-one]]}
    settings: {workload: register, rate: 800}
    claims:
      - {model: linearizable, expect: holds}
`

// TestHunt finds a planted defect, from nothing but target, levels and claim. What it
// found, once it is known, blocks no more, though it is found again.
func TestHunt(t *testing.T) {
	env := runs.Environment{Targets: registry.All(), Out: t.TempDir(), Cache: t.TempDir(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)}
	s, err := Load(t.Context(), "hunted.yaml", []byte(hunted), nil, env)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Run(t.Context(), env, Options{Provider: sandbox.Provider{}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Exit.Code != verdict.ExitViolated || len(res.Gate.New) != 1 || !strings.HasPrefix(res.Gate.New[0].ID, "search/s/W2R2/kill+partition-one/linearizable/") {
		t.Fatalf("exit %+v, gate %+v, %+v", res.Exit, res.Gate, res.Cases)
	}
	c := res.Cases[0]
	plan := strings.Fields(c.Reproduce)
	if c.Run == "" || len(plan) != 5 {
		t.Fatalf("run %q, %q", c.Run, c.Reproduce)
	}
	stored, err := harness.ReadPlan(plan[2])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runs.FromPlan(t.Context(), stored, env); err != nil {
		t.Errorf("the plan cannot be replayed: %v", err)
	}
	known := []gate.KnownIssue{{ID: res.Gate.New[0].ID, Until: "2999-01-01", Reason: "planted"}}
	for _, anomaly := range []string{"stale-read", "new-old-inversion", "lost-update"} {
		known = append(known, gate.KnownIssue{ID: "search/s/W2R2/kill+partition-one/linearizable/" + anomaly, Until: "2999-01-01", Reason: "planted"})
	}
	again, err := s.Run(t.Context(), env, Options{Provider: sandbox.Provider{}, Known: known})
	if err != nil {
		t.Fatal(err)
	}
	if again.Exit.Code != verdict.ExitHeld || len(again.Gate.Ongoing) == 0 || len(again.Gate.New) != 0 {
		t.Errorf("exit %+v, gate %+v", again.Exit, again.Gate)
	}
}

// TestHuntClaims: what was hunted and not found passes with evidence only.
func TestHuntClaims(t *testing.T) {
	r := &Cell{ID: "c/s/W2R2/any", Claims: []CellClaim{{Claim{Model: "linearizable"}, 12}}}
	for _, c := range []struct {
		tally hunt.Tally
		want  gate.CaseStatus
		n     int
	}{
		{hunt.Tally{Model: "linearizable", Held: 1, AtRisk: 60}, gate.CasePassed, 1},
		{hunt.Tally{Model: "linearizable"}, gate.CaseInconclusive, 1},
		{hunt.Tally{Model: "linearizable", Held: 3, Violated: 1}, "", 0}, // the finding tells of it
	} {
		got := huntedClaims(r, &hunt.Result{Runs: 4, Models: []hunt.Tally{c.tally}})
		if len(got) != c.n || c.n > 0 && (got[0].Status != c.want || got[0].Line != 12 || got[0].ID != "c/s/W2R2/any/linearizable") {
			t.Errorf("%+v: %+v", c.tally, got)
		}
	}
	f := foundClaim(r, &hunt.Finding{Kind: hunt.Kind{Model: "linearizable", Anomaly: "stale read"}, Sentence: "it was stale", Times: 3})
	if f.ID != "c/s/W2R2/any/linearizable/stale-read" || f.Status != gate.CaseViolated || f.Observed != checkers.Violated || f.Violations != 3 {
		t.Errorf("%+v", f)
	}
}

// TestBadHunts: pairs of a suite that is well and one that is not.
func TestBadHunts(t *testing.T) {
	env := runs.Environment{Targets: registry.All(), Out: t.TempDir(), Cache: t.TempDir(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)}
	for _, c := range []struct{ from, to, want string }{
		{"hunt: {budget: 30s}", "hunt: {budget: 30s, stopAfter: 3}", ""},
		{"hunt: {budget: 30s}", "hunt: {budget: soon}", "hunted.yaml:9:20: cases[0].hunt.budget: must be a duration"},
		{"hunt: {budget: 30s}", "hunt: {}", "needs a budget"},
		{"hunt: {budget: 30s}", "hunt: {budget: 30s, stopAfter: -1}", "must not be negative"},
		{"hunt: {budget: 30s}", "hunt: {buget: 30s}", `did you mean "budget"?`},
		{"expect: holds", "expect: violated", "a hunt is for what must hold"},
		{"faults: [[kill, partition-one]]", "faults: [[membership]]", "membership"},
		{"settings: {workload: register, rate: 800}", "thresholds: [read.p99 < 1s]", "thresholds go with cases without one"},
	} {
		if !strings.Contains(hunted, c.from) {
			t.Fatalf("%q is not there", c.from)
		}
		_, err := Load(t.Context(), "hunted.yaml", []byte(strings.Replace(hunted, c.from, c.to, 1)), nil, env)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.to, err, c.want)
		}
	}
	if left, err := os.ReadDir(env.Out); err != nil || len(left) > 0 {
		t.Errorf("something was started: %v, %v", left, err)
	}
}
