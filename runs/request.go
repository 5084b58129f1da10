// Package runs takes one run from what the user asked for to the verdict on
// disk: it makes the plan, has the harness carry it out, keeps the run
// directory and has the history checked. Every command that runs something
// (run, selftest, quorum, suites) goes through it.
package runs

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs/alert"
	"github.com/lapse-test/lapse/runs/monitor"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/workloads"
)

// Request is what a user asks for; zero values mean the defaults.
type Request = settings.Run

// Environment is what this machine and this user give to every run.
type Environment struct {
	// Out is where runs are kept.
	Out string
	// Cache is where fetched software is kept.
	Cache string
	// DataDir is where nodes keep their data, empty for a place that vanishes.
	DataDir  string
	Budget   checkers.Budget
	Progress harness.Progress
	// Located is shared by all plans of a command; nil asks for each of them anew where nodes are.
	Located *Located
	// Tried is shared by all plans of a command; nil tries for each of them anew what this machine lets nodes have.
	Tried *Tried
	Log   *slog.Logger
	// Metrics are told how runs go on, nil for nobody.
	Metrics monitor.Metrics
	// Deliver tells others of violations, nil for this process.
	Deliver alert.Deliver
	// Part is what the next run is a part of, if it is.
	Part *store.Part
	// Targets are the databases that can be asked for, and Providers the places
	// where their nodes can run. Package targets/registry has all there are.
	Targets   []targets.Target
	Providers []providers.Entry
	// DiskFrom is the size in bytes from which on the history of a run stays on disk and is checked part by part, where its
	// models can be: Finished.History has the operations of the witnesses alone then. 0 loads every history.
	DiskFrom int64
	// Models are models of the caller's own (see checkers/custom), found before
	// those of the registry.
	Models []checkers.Checker
}

// Target finds a target by its name; the error names those there are.
func (e Environment) Target(name string) (targets.Target, error) {
	return targets.ByName(e.Targets, name)
}

// model finds a model by its name; the error names those of the registry.
func (e Environment) model(name string) (checkers.Checker, error) {
	for _, c := range e.Models {
		if c.Model().Name == name {
			return c, nil
		}
	}
	return registry.ByName(name)
}

// withDefaults fills in the defaults, and the provider that other settings imply.
func (e Environment) withDefaults(r Request) Request {
	r = r.WithDefaults()
	if r.Provider == providers.Auto && len(r.At) > 0 {
		r.Provider = external.Name
	}
	fillDrivers(&r)
	if containers := providers.Containers(e.Providers); r.Provider == providers.Auto && r.Image != "" && containers != "" {
		r.Provider = containers // nobody else has a use for it
	}
	return r
}

// check refuses values that cannot be, by the names of their flags.
func check(r *Request) error {
	for _, s := range settings.All() {
		if err := s.Check(r); err != nil {
			return targets.Usagef("--%s: %v", s.Flag, err)
		}
	}
	return nil
}

// Planned is a plan with what it takes to carry it out.
// It can be carried out more than once: each run begins with the first operation.
type Planned struct {
	Plan   *harness.Plan
	Target targets.Target
	Config targets.Config
	// Workload says what the operations are like; a run has a generator of its own, because one that was used goes on where it was.
	Workload workloads.Generator
	Models   []checkers.Checker
	// Require is the evidence that a pass needs, nil for that of every run.
	Require *verdict.Require
	// OnViolation says who is told of violations (see alert.Parse). The plan does not: it may
	// be a secret, and who takes a stored plan up again is another one.
	OnViolation string

	// plain is the target as it is before it hears of its options, nil where nobody knows.
	plain targets.Target
	// generator makes what generates the operations of one run.
	generator func() (workloads.Generator, error)
}

// Probe is what a provider is asked for, to see whether it could serve the run here.
func (p *Planned) Probe() cluster.Spec {
	spec := p.Target.Spec(p.Config)
	spec.Run, spec.LogDir, spec.Cuts = "probe", os.TempDir(), p.Plan.Schedule.CutsLinks()
	// Where the choice is left open, nodes may not become what their faults cannot be done to.
	spec.Needs = p.Plan.Needs()
	return spec
}

// knows says so if there is no such provider.
func (e Environment) knows(provider string) error {
	if _, whole := providers.Hosts(e.Providers)[provider]; whole {
		return targets.Usagef("--provider %s: it takes a whole run that is given by flags, and only lapse run gives it one", provider)
	}
	if names := providers.Names(e.Providers); !slices.Contains(names, provider) {
		return targets.Usagef("--provider %s: must be one of %s", provider, strings.Join(names, ", "))
	}
	return nil
}

// Plan checks a request and makes the plan of it. Its errors are of the user's
// input: *targets.UsageError.
func Plan(ctx context.Context, req Request, env Environment) (*Planned, error) {
	req = env.withDefaults(req)
	if err := check(&req); err != nil {
		return nil, err
	}
	if err := env.knows(req.Provider); err != nil {
		return nil, err
	}
	if _, err := alert.Parse(req.OnViolation); err != nil {
		return nil, targets.Usagef("--on-violation: %v", err)
	}
	told := req.OnViolation
	req.OnViolation = ""
	target, err := env.Target(req.Target)
	if err != nil {
		return nil, err
	}
	given, target, err := resolveExternal(ctx, env, req, target)
	if err != nil {
		return nil, err
	}
	asked := targets.Config{
		Nodes: req.Nodes, ReadLevel: req.ReadLevel, WriteLevel: req.WriteLevel, Options: req.Options,
		OpTimeout: req.OpTimeout, Cache: env.Cache, Log: env.Log, Keys: mostKeys(&req),
	}
	plain := target
	if target, err = targets.Describe(ctx, target, asked); err != nil {
		return nil, err
	}
	info := target.Info()
	if err := countNodes(&req.Nodes, info); err != nil {
		return nil, err
	}
	if err := checkImage(&req, env); err != nil {
		return nil, err
	}
	asked.Nodes, asked.Image, asked.Operator = req.Nodes, req.Image, given.operator
	asked.Containers = req.Provider == providers.Containers(env.Providers)
	cfg, err := target.Resolve(asked)
	if err != nil {
		return nil, err
	}
	if req.Provider, err = ownNodes(req.Provider, target.Spec(cfg)); err != nil {
		return nil, err
	}
	harder, err := applyPreset(&req, info)
	if err != nil {
		return nil, err
	}
	if !req.Seeded {
		req.Seed = rand.Uint64N(1 << 53) // exact as a JSON number anywhere
	}
	plan, err := planOf(req, cfg)
	if err != nil {
		return nil, err
	}
	plan.At, plan.Operator = given.at, external.Inline(given.operator)
	spec := target.Spec(cfg)
	if err := checkTopology(ctx, plan, spec, env); err != nil {
		return nil, err
	}
	if err := drawFaults(ctx, plan, req, faultsOf(target, cfg, spec, req.Duration, req.Detection), spec, harder, env); err != nil {
		return nil, err
	}
	if err := given.mayBreak(ctx, plan.Schedule); err != nil {
		return nil, err
	}
	counts(&cfg, plan)
	p := &Planned{Plan: plan, Target: target, plain: plain, Config: cfg, OnViolation: told}
	if err := p.makeWorkload(info); err != nil {
		return nil, err
	}
	if err := p.chooseModels(env); err != nil {
		return nil, err
	}
	return p, p.checkLinger()
}

// mostRate is the highest rate that can be asked for; no run is faster.
const mostRate = 10_000_000

// mostKeys is how many keys a run may come to, at most: those in use at its beginning, and with each operation one more, as if each retired a key.
func mostKeys(run *settings.Run) int64 {
	rate := run.Rate
	if rate == 0 {
		rate = mostRate
	}
	return int64(run.Keys) + int64(math.Ceil(rate*run.Duration.Seconds()))
}

// counts tells cfg what of plan counts for what is promised.
func counts(cfg *targets.Config, plan *harness.Plan) {
	cfg.Clocks, cfg.Restarts, cfg.PowerFailures = plan.Schedule.Needs(ability.Clock), plan.Schedule.Restarts(), plan.Schedule.PowerFails()
	cfg.Roams = plan.Session != harness.SessionStay
}

// countNodes fills in the number of nodes that was left open, 0, and refuses one that the target does not run with.
func countNodes(nodes *int, info targets.Info) error {
	if *nodes == 0 {
		*nodes = info.DefaultNodes
	}
	if *nodes < info.MinNodes || *nodes > info.MaxNodes {
		return targets.Usagef("--nodes %d: target %s runs with %s", *nodes, info.Name, info.Sizes())
	}
	return nil
}

// checkImage refuses an image where nothing makes containers.
func checkImage(req *Request, env Environment) error {
	switch containers := providers.Containers(env.Providers); {
	case req.Image != "" && containers == "":
		return targets.Usagef("--image %s: no provider that is known here makes containers", req.Image)
	case req.Image != "" && req.Provider != containers:
		return targets.Usagef("--image %s: --provider %s makes no containers; use --provider %s", req.Image, req.Provider, containers)
	}
	return nil
}

// planOf is the plan of req as far as req and its target's configuration say it.
func planOf(req Request, cfg targets.Config) (*harness.Plan, error) {
	workers, err := workloads.ParseConcurrency(req.Concurrency, req.Nodes)
	if err != nil {
		return nil, targets.Usagef("--concurrency: %v", err)
	}
	weights, err := workloads.ParseWeights(req.Weights)
	if err != nil {
		return nil, targets.Usagef("--weights: %v", err)
	}
	plan := &harness.Plan{Schema: harness.PlanSchema, Run: req}
	plan.WriteLevel, plan.ReadLevel, plan.Options, plan.Image = cfg.WriteLevel, cfg.ReadLevel, cfg.Options, cfg.Image
	plan.Weights, plan.Concurrency = SharesText(weights), strconv.Itoa(workers)
	return plan, nil
}

// SharesText is weights as --weights has them, in the order of their names.
func SharesText(weights map[string]int) string {
	var shares []string
	for _, k := range slices.Sorted(maps.Keys(weights)) {
		shares = append(shares, k+"="+strconv.Itoa(weights[k]))
	}
	return strings.Join(shares, ",")
}

// FromPlan takes a stored plan up again.
func FromPlan(ctx context.Context, plan *harness.Plan, env Environment) (*Planned, error) {
	if err := check(&plan.Run); err != nil {
		return nil, err
	}
	if err := env.knows(plan.Provider); err != nil {
		return nil, err
	}
	target, err := env.Target(plan.Target)
	if err != nil {
		return nil, err
	}
	stored := externalCluster{at: plan.At, finders: env.finders()}
	if err := stored.checkDrivers(&plan.Run); err != nil {
		return nil, err
	}
	there, target, err := stored.target(ctx, target)
	if err != nil {
		return nil, err
	}
	if err := there.checkFound(target.Info().DefaultNodes, plan.Nodes); err != nil {
		return nil, err
	}
	asked := targets.Config{
		Nodes: plan.Nodes, ReadLevel: plan.ReadLevel, WriteLevel: plan.WriteLevel, Options: plan.Options,
		OpTimeout: plan.OpTimeout, Cache: env.Cache, Log: env.Log, Image: plan.Image, Keys: mostKeys(&plan.Run),
		Containers: plan.Provider == providers.Containers(env.Providers),
	}
	counts(&asked, plan)
	plain := target
	if target, err = targets.Describe(ctx, target, asked); err != nil {
		return nil, err
	}
	if info := target.Info(); plan.Nodes < info.MinNodes || plan.Nodes > info.MaxNodes {
		return nil, targets.Usagef("the plan has %s: target %s runs with %s", count.Of(plan.Nodes, "node"), info.Name, info.Sizes())
	}
	if _, err := workloads.ParseConcurrency(plan.Concurrency, plan.Nodes); err != nil {
		return nil, targets.Usagef("the plan's concurrency: %v", err)
	}
	if plan.Operator != "" {
		if err := there.read(ctx, "the plan's operator", plan.Operator, target); err != nil {
			return nil, err
		}
	}
	if err := plan.Schedule.Validate(); err != nil {
		return nil, targets.Usagef("the plan's %v", err)
	}
	if err := there.mayBreak(ctx, plan.Schedule); err != nil {
		return nil, err
	}
	asked.Operator = there.operator
	cfg, err := target.Resolve(asked)
	if err != nil {
		return nil, err
	}
	if err := checkTopology(ctx, plan, target.Spec(cfg), env); err != nil {
		return nil, err
	}
	p := &Planned{Plan: plan, Target: target, plain: plain, Config: cfg}
	operations := plan.Operations
	if err := p.makeWorkload(target.Info()); err != nil {
		return nil, err
	}
	if plan.Operations != operations {
		return nil, targets.Usagef("the stored plan's operations have fingerprint %s, this lapse would do %s: it was made by another version", operations, plan.Operations)
	}
	if err := p.chooseModels(env); err != nil {
		return nil, err
	}
	return p, nil
}

// fingerprinted is how many operations of each worker the fingerprint covers.
const fingerprinted = 1000

func (p *Planned) makeWorkload(info targets.Info) error {
	w, err := workloads.ByName(p.Plan.Workload)
	if err != nil {
		return targets.Usagef("--workload: %v", err)
	}
	weights, err := workloads.ParseWeights(p.Plan.Weights)
	if err != nil {
		return targets.Usagef("--weights: %v", err)
	}
	cfg := p.workloadConfig(info, weights)
	p.generator = func() (workloads.Generator, error) { return w.New(cfg) }
	if p.Workload, err = p.generator(); err != nil {
		return targets.Usagef("--workload %s: %v", p.Plan.Workload, err)
	}
	if p.Plan.Operations, err = workloads.Digest(w, cfg, fingerprinted); err != nil {
		return fmt.Errorf("fingerprinting the operations: %w", err)
	}
	if p.Plan.Models == "" {
		p.Plan.Models = strings.Join(w.Models(), ",")
	}
	return p.checkDrivers(w)
}

// workloadConfig is what the plan says of its workload.
func (p *Planned) workloadConfig(info targets.Info, weights map[string]int) workloads.Config {
	return workloads.Config{
		Seed: p.Plan.Seed, Workers: p.Plan.Clients(), Nodes: p.Plan.Nodes,
		Funcs: info.Funcs, MaxTxn: info.MaxTxn, TxnUnmixed: info.TxnUnmixed,
		Keys: p.Plan.Keys, OpsPerKey: p.Plan.OpsPerKey, MaxInfoPerKey: p.Plan.MaxInfoPerKey,
		Weights: weights, Options: p.Plan.WorkloadOptions,
	}
}

// chooseModels finds the models that the plan names.
func (p *Planned) chooseModels(env Environment) error {
	var names []string
	p.Models = nil
	for _, n := range p.Plan.ModelNames() {
		c, err := env.model(n)
		if err != nil {
			return targets.Usagef("--model: %v", err)
		}
		p.Models = append(p.Models, c)
		names = append(names, c.Model().Name)
	}
	p.Plan.Models = strings.Join(names, ",")
	return nil
}

// Check makes the history of the run be checked against these models instead, with
// the evidence that a pass needs.
func (p *Planned) Check(models []string, require *verdict.Require, env Environment) error {
	p.Plan.Models, p.Require = strings.Join(models, ","), require
	return p.chooseModels(env)
}
