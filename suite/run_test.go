package suite

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/quorumkv/server"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
	"github.com/lapse-test/lapse/targets/registry"
)

// TestMain runs the tests in a sandbox. Nodes of quorumkv are this binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "quorumkv" {
		cmd := server.Command()
		cmd.SetArgs(os.Args[2:])
		if err := cmd.Execute(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(sandboxtest.Main(m))
}

const short = `apiVersion: lapse/v1
name: short
seed: "7"
targets:
  s: {kind: quorumkv, nodes: 3, options: {read_repair: blocking, write_timestamps: quorum}}
  weak: {kind: quorumkv, nodes: 3, options: {read_repair: "off", hinted_handoff: "false"}}
  absent: {kind: nosuchdatabase, optional: true}
defaults: {workload: session, rate: 800, duration: 4s, opTimeout: 1s}
cases:
  - name: c
    matrix: {target: [s, absent], levels: [W2R2], faults: [[partition-one]]}
    claims:
      - {model: read-your-writes, when: "W+R>N", expect: holds}
  - name: control
    matrix: {target: [weak], levels: [W1R1], faults: [[partition-one]]}
    claims:
      - {model: read-your-writes, when: "W+R<=N", expect: violated}
  - name: wrong
    matrix: {target: [weak], levels: [W1R1], faults: [[partition-one]]}
    claims:
      - {model: read-your-writes, expect: holds}
`

// TestInterruptedSuiteGoesOn stops a suite after its first case and resumes it.
func TestInterruptedSuiteGoesOn(t *testing.T) {
	env := runs.Environment{Targets: registry.All(), Out: t.TempDir(), Cache: t.TempDir(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)}
	s, err := Load(t.Context(), "short.yaml", []byte(short), nil, env)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first, err := s.Run(ctx, env, Options{Provider: sandbox.Provider{}, Done: func(int, int, *gate.CaseResult) { cancel() }})
	if err != nil {
		t.Fatal(err)
	}
	if first.State != "interrupted" || first.Exit.Code != verdict.ExitInterrupted || len(first.Cases) != 1 {
		t.Fatalf("%s, exit %+v, %d cases", first.State, first.Exit, len(first.Cases))
	}
	run := first.Cases[0].Run

	res, err := s.Run(t.Context(), env, Options{Provider: sandbox.Provider{}, Resume: first})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]gate.CaseStatus{
		"c/s/W2R2/partition-one":          gate.CasePassed,
		"c/absent/W2R2/partition-one":     gate.CaseSkipped,
		"control/weak/W1R1/partition-one": gate.CasePassed,
		"wrong/weak/W1R1/partition-one":   gate.CaseViolated,
	}
	for _, c := range res.Cases {
		if want[c.ID] != c.Status {
			t.Errorf("%s is %s, want %s: %s %+v", c.ID, c.Status, want[c.ID], c.Reason, c.Claims)
		}
		delete(want, c.ID)
	}
	if len(want) > 0 {
		t.Errorf("not there: %v", want)
	}
	if res.Cases[0].Run != run {
		t.Error("the finished case was run again")
	}
	if res.Exit.Code != verdict.ExitViolated || len(res.Gate.New) != 1 {
		t.Errorf("exit %+v, gate %+v", res.Exit, res.Gate)
	}
	changed, err := Load(t.Context(), "short.yaml", []byte(short+"\n"), nil, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := changed.Run(t.Context(), env, Options{Provider: sandbox.Provider{}, Resume: first}); err == nil {
		t.Error("another text was resumed")
	}
}

// TestBudget runs nothing that does not fit.
func TestBudget(t *testing.T) {
	env := runs.Environment{Targets: registry.All(), Out: t.TempDir(), Cache: t.TempDir(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)}
	s, err := Load(t.Context(), "short.yaml", []byte("budget: 1s\n"+short), nil, env)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Run(t.Context(), env, Options{Provider: sandbox.Provider{}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Cases[0].Status != gate.CaseNotRun || res.Exit.Code != verdict.ExitInconclusive {
		t.Errorf("%+v, exit %+v", res.Cases[0], res.Exit)
	}
}

// TestFaultsThatNeedAnotherProvider: packets can be lost in one place only, and the other
// runs of the suite stay where they were.
func TestFaultsThatNeedAnotherProvider(t *testing.T) {
	const text = `apiVersion: lapse/v1
name: mixed
seed: "7"
targets:
  s: {kind: quorumkv, nodes: 3, options: {read_repair: blocking, write_timestamps: quorum}}
defaults: {workload: session, rate: 400, duration: 4s}
cases:
  - name: c
    matrix: {target: [s], levels: [W2R2], faults: [[partition-one], [loss]]}
    claims:
      - {model: read-your-writes, expect: holds}
`
	env := runs.Environment{
		Targets: registry.All(), Providers: registry.Providers(), Out: t.TempDir(), Cache: t.TempDir(),
		Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler),
	}
	s, err := Load(t.Context(), "mixed.yaml", []byte(text), nil, env)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Run(t.Context(), env, Options{Provider: local.Provider{}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"c/s/W2R2/partition-one": local.Name, "c/s/W2R2/loss": sandbox.Name}
	for _, c := range res.Cases {
		dir, err := store.Open(env.Out, c.Run)
		if err != nil {
			t.Fatal(err)
		}
		var sum store.Summary
		if err := dir.ReadJSON(store.FileRun, &sum); err != nil {
			t.Fatal(err)
		}
		if c.Status != gate.CasePassed || sum.Provider != want[c.ID] || sum.ProviderReason == "" && sum.Provider == sandbox.Name {
			t.Errorf("%s is %s by %s, want passed by %s: %s", c.ID, c.Status, sum.Provider, want[c.ID], c.Reason)
		}
	}
	if len(res.Cases) != len(want) {
		t.Errorf("%d cases", len(res.Cases))
	}
}
