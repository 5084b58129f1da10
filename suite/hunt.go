package suite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/hunt"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// Hunt makes a hunt of each run of a case.
type Hunt struct {
	Budget    string `yaml:"budget" json:"budget" jsonschema:"description=time that each hunt may take with all that belongs to it, such as 10m"`
	StopAfter int    `yaml:"stopAfter,omitempty" json:"stopAfter,omitempty" jsonschema:"description=new findings after which it ends (default 1); what is known does not count"`
}

// time is the budget; the file was checked.
func (h *Hunt) time() time.Duration {
	d, _ := time.ParseDuration(h.Budget)
	return d
}

// check refuses what does not go with a hunt.
func (c *Case) checkHunt(p *problems, at string) {
	if c.Hunt == nil {
		return
	}
	if c.Hunt.Budget == "" {
		p.add(at+".hunt", "it needs a budget, such as 10m")
	}
	parseDuration(p, at+".hunt.budget", c.Hunt.Budget, time.Second)
	if c.Hunt.StopAfter < 0 {
		p.add(at+".hunt.stopAfter", "must not be negative")
	}
	for j, claim := range c.Claims {
		if claim.Expect != ExpectHolds {
			p.add(fmt.Sprintf("%s.claims[%d].expect", at, j), "a hunt is for what must hold: %s", ExpectHolds)
		}
	}
	if len(c.Thresholds) > 0 {
		p.add(at+".thresholds", "a hunt has many runs, each with another load: thresholds go with cases without one")
	}
	if c.Finding != nil || c.ControlOf != "" {
		p.add(at+".hunt", "a case with a finding on record is run as it is: leave finding and controlOf out")
	}
}

// space returns the space of a hunt's plans: all that the settings of its case leave open.
func (r *Cell) space(ctx context.Context, env runs.Environment) (*hunt.Space, error) {
	return hunt.NewSpace(ctx, r.Request, r.fixed, env)
}

// fixedBy are the flags of the settings that a case has of its own.
func fixedBy(own Settings) []string {
	var out []string
	for key := range own {
		if s, ok := settings.Named(settings.InSettings, key); ok {
			out = append(out, s.Flag)
		}
	}
	slices.Sort(out)
	return out
}

// hunt makes the hunt of a run, and claims of what it found; nil when it was interrupted
// before that.
func (s *Suite) hunt(ctx context.Context, id string, r *Cell, env runs.Environment, o Options, c *gate.CaseResult) (*gate.CaseResult, error) {
	began := time.Now()
	space, err := r.space(ctx, env)
	if err != nil {
		return nil, err
	}
	dir, err := store.CreateHunt(env.Out, store.NewID(began, rand.Uint32()))
	if err != nil {
		return nil, &cluster.EnvironmentError{Doing: "keeping what the hunt finds", Err: err, Way: "name a writable directory with --out"}
	}
	known := s.knownIDs(o, began)
	real := &hunt.Real{
		Provider: o.Provider, Reason: o.Reason, Env: env, Whole: suiteWord + id,
		Leave: o.Provider.Name() == sandbox.Name,
	}
	note := env.Progress.Note
	res, huntErr := hunt.Search(ctx, space, real, hunt.Options{
		Seed: s.Seed, Budget: hunt.Budget{Time: r.Hunt.time()}, Findings: max(r.Hunt.StopAfter, 1),
		Known: func(k hunt.Kind) bool { return known[findingID(r.ID, k)] },
		Tell: func(step hunt.Step) {
			if !step.Begins && step.Seen != nil {
				note(fmt.Sprintf("%s, run %d: %s of behaviour, %s", r.ID, step.Run, count.Of(step.Signs, "kind"), count.Of(step.Findings, "finding")))
			}
		},
	})
	plans, err := res.SavePlans(dir)
	if err != nil {
		return nil, err
	}
	if err := dir.WriteJSON(store.FileHunt, res); err != nil {
		return nil, err
	}
	c.Seconds = time.Since(began).Seconds()
	c.Status = gate.CasePassed
	if huntErr != nil {
		c.Status, c.Reason = gate.CaseEnvironment, huntErr.Error()
	}
	for i, f := range res.Findings {
		if c.Run == "" {
			c.Run, c.Reproduce = f.Run, "lapse replay "+plans[i]+" --until-violated 10"
		}
		c.Claims = append(c.Claims, foundClaim(r, f))
	}
	if res.Interrupted && len(res.Findings) == 0 {
		return nil, nil
	}
	c.Claims = append(c.Claims, huntedClaims(r, res)...)
	for _, claim := range c.Claims {
		c.Status = gate.WorseCase(c.Status, claim.Status)
	}
	return c, nil
}

// knownIDs are the identifiers of what is known and has not expired.
func (s *Suite) knownIDs(o Options, now time.Time) map[string]bool {
	out := map[string]bool{}
	for _, k := range slices.Concat(s.Policy().Known, o.Known) {
		if now.UTC().Format(time.DateOnly) <= k.Until {
			out[k.ID] = true
		}
	}
	return out
}

// findingID identifies a finding of the hunt of a run: another anomaly is another one.
func findingID(run string, k hunt.Kind) string {
	return run + "/" + k.Model + "/" + strings.ReplaceAll(k.Anomaly, " ", "-")
}

// foundClaim is a finding as a claim that broke.
func foundClaim(r *Cell, f *hunt.Finding) gate.ClaimResult {
	j := gate.ClaimResult{
		ID: findingID(r.ID, f.Kind), Model: f.Model, Expect: ExpectHolds, Observed: checkers.Violated, Status: gate.CaseViolated,
		Anomalies: []string{f.Anomaly}, Detail: f.Sentence, Violations: f.Times, Line: r.line(f.Model),
	}
	if f.Shrunk != nil && f.Shrunk.Rate.Of > 0 {
		j.Detail += fmt.Sprintf("; %s violated in %s replays of: %s", f.Shrunk.Model, f.Shrunk.Rate, runs.Command(f.Plan))
	}
	return j
}

// huntedClaims are the claims of which nothing was found: held where some run was enough
// evidence. What broke together with a finding is told with that.
func huntedClaims(r *Cell, res *hunt.Result) []gate.ClaimResult {
	var out []gate.ClaimResult
	for _, m := range res.Models {
		if m.Violated > 0 {
			continue
		}
		j := gate.ClaimResult{ID: r.ID + "/" + m.Model, Model: m.Model, Expect: ExpectHolds, Observed: checkers.Held, Status: gate.CasePassed, Line: r.line(m.Model)}
		j.Detail = fmt.Sprintf("nothing found in %s; %s that could have exposed it", count.Of(res.Runs, "run"), count.Of(m.AtRisk, "read"))
		if m.Held == 0 {
			j.Observed, j.Status = checkers.Inconclusive, gate.CaseInconclusive
			j.Detail = fmt.Sprintf("none of %s was enough evidence", count.Of(res.Runs, "run"))
			if res.Trouble != "" {
				j.Detail += ": " + res.Trouble
			}
		}
		out = append(out, j)
	}
	return out
}

// line returns the line of a model's claim in the suite file.
func (r *Cell) line(model string) int {
	for _, c := range r.Claims {
		if c.Model == model {
			return c.Line
		}
	}
	return 0
}

// huntable refuses a hunt that cannot be, before anything is run.
func (r *Cell) huntable(ctx context.Context, env runs.Environment) error {
	if r.Hunt == nil {
		return nil
	}
	if len(r.Claims) == 0 {
		return targets.Usagef("no claim applies to it, and a hunt needs what must hold")
	}
	_, err := r.space(ctx, env)
	return err
}
