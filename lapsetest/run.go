package lapsetest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// Run runs a suite as part of t. Each run of its matrices is a subtest called
// after it, and fails with what the gate of the suite has against it. The result
// is for tests that want to look closer. Where the suite runs in a sandbox, the
// test itself does so too, and what stands before and after Run is done twice:
// in there, and out here, with the same result.
//
// Run must not be called by tests that run in parallel: their clusters would
// compete for the machine, and deadlines would pass.
func Run(t *testing.T, s Suite) *gate.SuiteResult {
	t.Helper()
	name, text, err := s.text()
	if err != nil {
		t.Fatal(err)
	}
	env := s.environment(t)
	var seed *uint64
	if s.Seed != 0 {
		seed = &s.Seed
	}
	loaded, err := suite.Load(t.Context(), name, text, seed, env)
	if err != nil {
		t.Fatal(err)
	}
	where := s.choose(t, loaded, env)
	if where.reenter {
		again(t, env)
		return stored(t, env)
	}
	loaded.Present(t.Context())
	t.Logf("suite %s, seed %d, %s, about %s: %s", loaded.File.Name, loaded.Seed, count.Of(len(loaded.Cells), "run"), duration.Text(loaded.Estimate()), where.reason)
	res, err := loaded.Run(t.Context(), env, suite.Options{Provider: where.provider, Reason: where.reason})
	if err != nil {
		t.Fatal(err)
	}
	report(t, env, res)
	return res
}

// stored is the result that was kept last in env.Out.
func stored(t *testing.T, env runs.Environment) *gate.SuiteResult {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(env.Out, suite.DirSuites, "latest", store.FileSuite))
	if err != nil {
		t.Fatal(err)
	}
	var res gate.SuiteResult
	if err := json.Unmarshal(b, &res); err != nil {
		t.Fatal(err)
	}
	return &res
}

func (s *Suite) environment(t *testing.T) runs.Environment {
	t.Helper()
	out := s.Out
	if out == "" {
		out = os.Getenv(envOut) // of the process that started this one
	}
	if out == "" {
		dir, err := os.MkdirTemp("", "lapse-"+strings.ReplaceAll(t.Name(), "/", "-")+"-")
		if err != nil {
			t.Fatal(err)
		}
		out = dir
		t.Cleanup(func() {
			// An empty one goes by itself: nothing was run.
			if err := os.Remove(dir); err == nil {
				return
			}
			if t.Failed() {
				t.Logf("the runs are kept in %s: lapse show latest --out %s, lapse report latest --out %s", dir, dir, dir)
				return
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Log(err)
			}
		})
	}
	out, err := filepath.Abs(out)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return runs.Environment{
		Located: &runs.Located{},
		Out:     out, Cache: filepath.Join(cache, "lapse"), DataDir: s.DataDir, Targets: s.Targets, Providers: providers.Native(),
		Budget: checkers.Budget{Time: s.CheckTime}, Progress: harness.Silent{},
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// choice is where the suite's nodes run; reenter says that this process has to be
// started again in the sandbox first.
type choice struct {
	provider cluster.Provider
	reason   string
	reenter  bool
}

// choose makes the choice by the first target that is to be had, and makes the software of
// all be there while there is a network.
func (s *Suite) choose(t *testing.T, loaded *suite.Suite, env runs.Environment) choice {
	t.Helper()
	var first *runs.Planned
	fetched := map[string]bool{}
	for i := range loaded.Cells {
		r := &loaded.Cells[i]
		if r.Planned == nil {
			continue
		}
		if first == nil || !r.Optional {
			first = r.Planned
		}
		if sandbox.Inside() || fetched[r.Target] {
			continue
		}
		fetched[r.Target] = true
		if err := fetch(t.Context(), r.Planned, env); err != nil && !r.Optional {
			t.Fatalf("fetching %s: %v", r.Target, err)
		}
	}
	if first == nil {
		t.Fatalf("suite %s: none of its targets is to be had", loaded.File.Name)
	}
	name := s.Provider
	if name == "" {
		name = providers.Auto
	}
	spec := first.Target.Spec(first.Config)
	spec.Run, spec.LogDir = "probe", os.TempDir()
	provider, reason, err := providers.Choose(t.Context(), env.Providers, name, spec)
	if err != nil {
		t.Fatal(err)
	}
	return choice{provider: provider, reason: reason, reenter: provider.Name() == sandbox.Name && !sandbox.Inside()}
}

func fetch(ctx context.Context, p *runs.Planned, env runs.Environment) error {
	f, ok := p.Target.(targets.Fetcher)
	if !ok {
		return nil
	}
	cfg := p.Config
	cfg.Progress, cfg.Log = env.Progress.Note, env.Log
	return f.Fetch(ctx, cfg)
}

// report makes a subtest of every case.
func report(t *testing.T, env runs.Environment, res *gate.SuiteResult) {
	t.Helper()
	bad := res.Gate.Blocking(res.Policy)
	for i := range res.Cases {
		c := &res.Cases[i]
		t.Run(c.ID, func(t *testing.T) {
			if c.Status == gate.CaseSkipped {
				t.Skip(c.Reason)
			}
			if c.Figures != nil {
				var b strings.Builder
				text.PrintFigures(&b, text.Style{}, c.Figures)
				t.Log(strings.TrimSpace(b.String()))
			}
			for _, j := range c.Claims {
				t.Logf("%s: expected %s, observed %s: %s", j.Model, j.Expect, j.Observed, j.Detail)
			}
			for _, f := range bad {
				if f.ID == c.ID || strings.HasPrefix(f.ID, c.ID+"/") {
					t.Errorf("%s: %s%s", f.ID, f.Text, proof(env.Out, c.Run))
				}
			}
		})
	}
	if res.Exit.Code != verdict.ExitHeld && !t.Failed() {
		t.Errorf("suite %s: %s", res.Suite, res.Exit.Reason)
	}
}

// proof is the explanation of a run's first violation, as `lapse show` has it.
func proof(out, run string) string {
	if run == "" {
		return ""
	}
	b, err := os.ReadFile(filepath.Join(out, run, store.DirViolations, "001", store.FileExplain))
	if err != nil {
		return ""
	}
	return fmt.Sprintf("\n%s", b)
}
