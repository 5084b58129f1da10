package suite

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/providers"
)

// DirSuites is the directory, below that of the runs, in which suites are kept.
const DirSuites = store.DirSuites

// Options say how to carry a suite out.
//
// Provider makes the nodes of all runs but of those whose own plan names another one,
// because their faults or their topology need it: nodes of such a run are made there.
type Options struct {
	Provider cluster.Provider
	Reason   string
	// Resume goes on with an earlier result: cases that it has are not run again,
	// except those that could not be run or were not reached. A violation stays.
	Resume *gate.SuiteResult
	// Known are violations that do not block, besides those of the suite.
	Known []gate.KnownIssue
	// Done is called after each case.
	Done func(n, of int, c *gate.CaseResult)
}

// Run carries the suite out and judges it. The result is saved after every case;
// it is never nil when the error is.
func (s *Suite) Run(ctx context.Context, env runs.Environment, o Options) (*gate.SuiteResult, error) {
	began := time.Now()
	res := o.Resume
	var dir store.Dir
	if res == nil {
		res = &gate.SuiteResult{
			Schema: gate.SuiteSchema, Suite: s.File.Name, File: s.Source, Digest: s.Digest,
			Seed: s.Seed, Started: began, Policy: s.Policy(),
		}
		var err error
		id := s.File.Name + "-" + store.NewID(began, uint32(began.Nanosecond()))
		if dir, err = store.Create(filepath.Join(env.Out, DirSuites), id); err != nil {
			return nil, &cluster.EnvironmentError{Doing: "keeping the suite's results", Err: err, Way: "name a writable directory with --out"}
		}
		res.ID = id
	} else {
		if res.Digest != s.Digest {
			return nil, targets.Usagef("--resume: %s was run with another text of %s; run it anew", res.ID, s.Source)
		}
		dir = store.Dir{Path: filepath.Join(env.Out, DirSuites, res.ID), ID: res.ID}
	}
	res.State = "running"
	res.Cases = s.keep(res.Cases)
	done := map[string]bool{}
	for _, c := range res.Cases {
		done[c.ID] = true
	}
	for i := range s.Cells {
		r := &s.Cells[i]
		if done[r.ID] {
			continue
		}
		c, err := s.carryOut(ctx, res.ID, r, began, env, o)
		if err != nil {
			return res, err
		}
		if c == nil {
			break // interrupted
		}
		res.Cases = append(res.Cases, *c)
		if err := dir.WriteJSON(store.FileSuite, res); err != nil {
			return res, err
		}
		if o.Done != nil {
			o.Done(len(res.Cases), len(s.Cells), c)
		}
	}
	res.State, res.Finished = "finished", time.Now()
	if ctx.Err() != nil {
		res.State = "interrupted"
	}
	judged, err := gate.Judge(res, o.Known, time.Now())
	if err != nil {
		return res, err
	}
	res.Gate, res.Exit = judged, &judged.Exit
	return res, dir.WriteJSON(store.FileSuite, res)
}

// keep returns the results that a resumed suite does not work out again: those that were judged.
func (s *Suite) keep(cases []gate.CaseResult) []gate.CaseResult {
	out := []gate.CaseResult{}
	for _, c := range cases {
		if c.Status != gate.CaseEnvironment && c.Status != gate.CaseNotRun && c.Status != gate.CaseSkipped {
			out = append(out, c)
		}
	}
	return out
}

// suiteWord begins the name that the runs of a suite have in common.
const suiteWord = "suite "

// carryOut makes one run, of the suite with the identifier id. It returns nil when it was interrupted.
func (s *Suite) carryOut(ctx context.Context, id string, r *Cell, began time.Time, env runs.Environment, o Options) (*gate.CaseResult, error) {
	select {
	case <-ctx.Done():
		return nil, nil
	default:
	}
	c := &gate.CaseResult{ID: r.ID, Target: r.Target, WriteLevel: r.Request.WriteLevel, ReadLevel: r.Request.ReadLevel, Faults: r.Faults, Thresholds: r.Thresholds}
	if r.Planned == nil {
		c.Status, c.Reason = gate.CaseSkipped, r.Missing
		return c, nil
	}
	if left := s.Budget - time.Since(began); s.Budget > 0 && r.Estimate() > left {
		c.Status, c.Reason = gate.CaseNotRun, fmt.Sprintf("the budget of %s has %s left, and this takes about %s", duration.Text(s.Budget), duration.Text(max(0, left.Round(time.Second))), duration.Text(r.Estimate()))
		return c, nil
	}
	provider, reason, lacking := providerOf(ctx, r, env, o)
	if provider == nil { // which is no error of the suite
		c.Status, c.Reason = gate.CaseEnvironment, lacking.Error()
		return c, nil
	}
	o.Provider, o.Reason = provider, reason
	if r.Hunt != nil {
		return s.hunt(ctx, id, r, env, o, c)
	}
	start := time.Now()
	env.Part = &store.Part{Of: suiteWord + id, Label: r.ID}
	f, err := runs.Run(ctx, r.Planned, o.Provider, o.Reason, env)
	c.Seconds = time.Since(start).Seconds()
	if f == nil {
		return nil, err
	}
	if f.Report.Interrupted {
		return nil, nil
	}
	c.Run, c.Reproduce = f.Dir.ID, f.Summary.Reproduce
	c.Status = gate.CasePassed
	if err != nil {
		c.Status, c.Reason = gate.CaseEnvironment, err.Error()
	}
	if f.History != nil {
		var failed error
		if c.Figures, failed = figures.Of(context.WithoutCancel(ctx), f.History); failed != nil {
			return nil, fmt.Errorf("measuring run %s: %w", f.Dir.ID, failed)
		}
	}
	for _, claim := range r.Claims {
		j := judge(r.ID, claim, &f.Summary)
		j.Witness = witness(f, claim.Model)
		// What broke before the run went wrong is broken all the same; what did
		// not is not known.
		if err != nil && j.Status != gate.CaseViolated {
			continue
		}
		c.Status = gate.WorseCase(c.Status, j.Status)
		c.Claims = append(c.Claims, j)
	}
	if len(r.Claims) == 0 && err == nil {
		c.Status, c.Reason = gate.CaseInconclusive, "no claim applies to it"
	}
	return c, nil
}

// providerOf is who makes the nodes of a run, and why; nil with an error where nobody can.
func providerOf(ctx context.Context, r *Cell, env runs.Environment, o Options) (cluster.Provider, string, error) {
	switch name := r.Planned.Plan.Provider; name {
	case providers.Auto, o.Provider.Name():
		// What was chosen for others may not be able to have this one's faults.
		probe := r.Planned.Probe()
		if _, brings := o.Provider.(cluster.Preparer); brings || len(probe.Needs) > 0 {
			err := o.Provider.Available(ctx, probe)
			if err != nil && (brings || name != providers.Auto) {
				return nil, "", err
			}
			if err != nil {
				return providers.Choose(ctx, env.Providers, name, probe)
			}
		}
		return o.Provider, o.Reason, nil
	default:
		return providers.Choose(ctx, env.Providers, name, r.Planned.Probe())
	}
}

// witness is the first violation of a model in full.
func witness(f *runs.Finished, model string) string {
	v, ok := f.Witnesses.ByModel(model)
	if !ok || len(v.Violations) == 0 || f.History == nil {
		return ""
	}
	var b strings.Builder
	text.PrintViolation(&b, text.Style{}, f.History, &v.Violations[0], 1, v.Total)
	return b.String()
}

// judge compares a claim with its model's verdict.
func judge(id string, claim CellClaim, s *store.Summary) gate.ClaimResult {
	j := gate.ClaimResult{ID: id + "/" + claim.Model, Model: claim.Model, Expect: claim.Expect, Line: claim.Line, Status: gate.CasePassed}
	v, ok := s.ByModel(claim.Model)
	if !ok {
		j.Observed, j.Status = checkers.Inconclusive, gate.CaseInconclusive
		j.Detail = "it was not checked"
		for _, n := range s.NotChecked {
			if n.Model == claim.Model {
				j.Detail += ": " + n.Reason
			}
		}
	} else {
		j.Observed, j.Violations = v.Status, v.Total
		switch {
		case len(v.Violations) > 0:
			j.Detail = v.Violations[0].Sentence
			if says := s.Promises.Says(v); says != "" && claim.Expect == ExpectHolds {
				j.Detail += "; " + says
			}
		case len(v.Reasons) > 0:
			j.Detail = strings.Join(v.Reasons, "; ")
		default:
			j.Detail = text.Evidence(v)
		}
		j.Anomalies = anomalies(v.Violations)
		switch claim.Expect {
		case ExpectHolds:
			j.Status = map[checkers.Status]gate.CaseStatus{checkers.Held: gate.CasePassed, checkers.Violated: gate.CaseViolated}[v.Status]
		case ExpectViolated:
			if v.Status != checkers.Violated {
				j.Detail = "a violation was expected and none was seen, so that a pass of the other claims proves little: " + j.Detail
				j.Status = ""
			}
			for _, a := range claim.Anomalies {
				if v.Status == checkers.Violated && !slices.Contains(j.Anomalies, a) {
					j.Detail = fmt.Sprintf("it was violated, but no %s was among the witnesses (%s)", a, strings.Join(j.Anomalies, ", "))
					j.Status = ""
				}
			}
		}
		if j.Status == "" {
			j.Status = gate.CaseInconclusive
		}
	}
	if claim.Expect == ExpectReport {
		j.Status = gate.CasePassed
	}
	return j
}

// anomalies are the kinds of violations in the order in which they come.
func anomalies(list []checkers.Violation) []string {
	var out []string
	for i := range list {
		if a := list[i].Anomaly; a != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}
