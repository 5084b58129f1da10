// Package runs takes one run from what the user asked for to the verdict on
// disk: it makes the plan, has the harness carry it out, keeps the run
// directory and has the history checked. Every command that runs something
// (run, selftest, quorum, suites) goes through it.
package runs

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/docker"
	"github.com/lapse-test/lapse/targets/cluster/external"
	targetregistry "github.com/lapse-test/lapse/targets/registry"
	"github.com/lapse-test/lapse/workloads"
)

// Request is what a user asks for; zero values mean the defaults.
type Request struct {
	Target     string
	Provider   string
	Nodes      int
	WriteLevel string
	ReadLevel  string
	// Options are the target's settings.
	Options map[string]string
	// Image is what nodes are made of that are containers, empty for the target's
	// own choice.
	Image string
	// At are the addresses of a cluster that somebody else runs, and Operator the
	// path of the file with that somebody's commands.
	At       []string
	Operator string

	Workload        string
	WorkloadOptions map[string]string
	Weights         string
	Keys            int
	OpsPerKey       int
	MaxInfoPerKey   int
	Session         string
	// Concurrency is a number, or a multiple of the nodes such as "2n".
	Concurrency string
	Rate        float64
	Duration    time.Duration
	OpTimeout   time.Duration
	Settle      time.Duration

	// Faults is a comma-separated list.
	Faults        string
	FaultInterval time.Duration
	FaultHold     time.Duration
	// FaultMode is one-at-a-time, or mixed: two faults at a time.
	FaultMode string

	// Models is a comma-separated list, empty for those of the workload.
	Models string
	// Seed is used when Seeded is set; otherwise one is drawn.
	Seed   uint64
	Seeded bool
}

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
	Log      *slog.Logger
	// Targets are databases of the caller's own, found before those of the
	// registry.
	Targets []targets.Target
	// Models are models of the caller's own (see checkers/custom), found before
	// those of the registry.
	Models []checkers.Checker
}

// Target finds a target by its name; the error names those of the registry.
func (e Environment) Target(name string) (targets.Target, error) {
	for _, t := range e.Targets {
		if t.Info().Name == name {
			return t, nil
		}
	}
	return targetregistry.ByName(name)
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

// The defaults of a run.
const (
	DefaultWorkload    = "register"
	DefaultDuration    = 30 * time.Second
	DefaultOpTimeout   = 2 * time.Second
	DefaultSettle      = 500 * time.Millisecond
	DefaultRate        = 200
	DefaultConcurrency = "2n"
)

func (r Request) withDefaults() Request {
	if r.Provider == "" {
		r.Provider = "auto"
	}
	if r.Provider == "auto" && len(r.At) > 0 {
		r.Provider = external.Name
	}
	if r.Provider == "auto" && r.Image != "" {
		r.Provider = docker.Name // nobody else has a use for it
	}
	if r.Workload == "" {
		r.Workload = DefaultWorkload
	}
	if r.Session == "" {
		r.Session = harness.SessionRoam
	}
	if r.Concurrency == "" {
		r.Concurrency = DefaultConcurrency
	}
	if r.Duration == 0 {
		r.Duration = DefaultDuration
	}
	if r.OpTimeout == 0 {
		r.OpTimeout = DefaultOpTimeout
	}
	if r.Settle == 0 {
		r.Settle = DefaultSettle
	}
	return r
}

// Planned is a plan with what it takes to carry it out.
type Planned struct {
	Plan     *harness.Plan
	Target   targets.Target
	Config   targets.Config
	Workload workloads.Generator
	Models   []checkers.Checker
	// Require is the evidence that a pass needs, nil for that of every run.
	Require *verdict.Require
}

// Plan checks a request and makes the plan of it. Its errors are of the user's
// input: *targets.UsageError.
func Plan(ctx context.Context, req Request, env Environment) (*Planned, error) {
	req = req.withDefaults()
	target, err := env.Target(req.Target)
	if err != nil {
		return nil, err
	}
	place, target, err := attach(req, target)
	if err != nil {
		return nil, err
	}
	info := target.Info()
	if req.Nodes == 0 {
		req.Nodes = info.DefaultNodes
	}
	if req.Nodes < info.MinNodes || req.Nodes > info.MaxNodes {
		return nil, targets.Usagef("--nodes %d: target %s runs with %d to %d nodes", req.Nodes, info.Name, info.MinNodes, info.MaxNodes)
	}
	if err := checkDurations(req); err != nil {
		return nil, err
	}
	if req.Image != "" && req.Provider != docker.Name {
		return nil, targets.Usagef("--image %s: --provider %s makes no containers; use --provider %s", req.Image, req.Provider, docker.Name)
	}
	cfg, err := target.Resolve(targets.Config{
		Nodes:     req.Nodes,
		ReadLevel: req.ReadLevel, WriteLevel: req.WriteLevel,
		Options: req.Options, OpTimeout: req.OpTimeout, Cache: env.Cache, Log: env.Log,
		Image: req.Image, Operator: place.operator,
	})
	if err != nil {
		return nil, err
	}
	if !req.Seeded {
		req.Seed = rand.Uint64N(1 << 53) // exact as a JSON number anywhere
	}
	workers, err := workloads.ParseConcurrency(req.Concurrency, req.Nodes)
	if err != nil {
		return nil, targets.Usagef("--concurrency: %v", err)
	}
	weights, err := workloads.ParseWeights(req.Weights)
	if err != nil {
		return nil, targets.Usagef("--weights: %v", err)
	}
	plan := &harness.Plan{
		Schema: harness.PlanSchema, Seed: req.Seed,
		Target: info.Name, Provider: req.Provider, Nodes: req.Nodes,
		WriteLevel: cfg.WriteLevel, ReadLevel: cfg.ReadLevel, Options: cfg.Options, Image: cfg.Image,
		At: place.at, Operator: place.operator,
		Workload: req.Workload, WorkloadOptions: req.WorkloadOptions, Weights: weights,
		Keys: req.Keys, OpsPerKey: req.OpsPerKey, MaxInfoPerKey: req.MaxInfoPerKey,
		Session: req.Session, Concurrency: workers, Rate: req.Rate,
		Duration: harness.Duration(req.Duration), OpTimeout: harness.Duration(req.OpTimeout), Settle: harness.Duration(req.Settle),
	}
	faults, err := nemesis.Parse(req.Faults)
	if err != nil {
		return nil, targets.Usagef("--faults: %v", err)
	}
	plan.Faults = faults
	plan.FaultInterval, plan.FaultHold = harness.Duration(req.FaultInterval), harness.Duration(req.FaultHold)
	spec := target.Spec(cfg)
	drawn := faultsOf(target, cfg, spec, req.Duration)
	drawn.Seed, drawn.Faults, drawn.Mode = req.Seed, faults, nemesis.Mode(req.FaultMode)
	drawn.Interval, drawn.Hold = req.FaultInterval, req.FaultHold
	if plan.Schedule, err = nemesis.Plan(drawn); err != nil {
		return nil, targets.Usagef("--faults: %v", err)
	}
	p := &Planned{Plan: plan, Target: target, Config: cfg}
	if err := p.makeWorkload(info); err != nil {
		return nil, err
	}
	if err := p.chooseModels(req.Models, env); err != nil {
		return nil, err
	}
	return p, nil
}

// FromPlan takes a stored plan up again.
func FromPlan(plan *harness.Plan, env Environment) (*Planned, error) {
	target, err := env.Target(plan.Target)
	if err != nil {
		return nil, err
	}
	if target, err = (place{at: plan.At}).target(target); err != nil {
		return nil, err
	}
	cfg, err := target.Resolve(targets.Config{
		Nodes: plan.Nodes, ReadLevel: plan.ReadLevel, WriteLevel: plan.WriteLevel,
		Options: plan.Options, OpTimeout: time.Duration(plan.OpTimeout), Cache: env.Cache, Log: env.Log,
		Image: plan.Image, Operator: plan.Operator,
	})
	if err != nil {
		return nil, err
	}
	p := &Planned{Plan: plan, Target: target, Config: cfg}
	stored := plan.Operations
	if err := p.makeWorkload(target.Info()); err != nil {
		return nil, err
	}
	if plan.Operations != stored {
		return nil, targets.Usagef("the stored plan's operations have fingerprint %s, this lapse would do %s: it was made by another version", stored, plan.Operations)
	}
	if err := p.chooseModels(strings.Join(plan.Models, ","), env); err != nil {
		return nil, err
	}
	return p, nil
}

func checkDurations(req Request) error {
	for _, c := range []struct {
		flag string
		d    time.Duration
		min  time.Duration
	}{
		{"--duration", req.Duration, time.Second},
		{"--op-timeout", req.OpTimeout, time.Millisecond},
		{"--settle", req.Settle, 0},
		{"--fault-interval", req.FaultInterval, 0},
		{"--fault-hold", req.FaultHold, 0},
	} {
		if c.d < c.min {
			return targets.Usagef("%s %s: must be at least %s", c.flag, c.d, c.min)
		}
	}
	if req.Rate < 0 {
		return targets.Usagef("--rate %g: must be 0 (closed loop) or more operations a second", req.Rate)
	}
	if req.Session != harness.SessionStay && req.Session != harness.SessionRoam {
		return targets.Usagef("--session %s: must be stay or roam", req.Session)
	}
	return nil
}

// fingerprinted is how many operations of each worker the fingerprint covers.
const fingerprinted = 1000

func (p *Planned) makeWorkload(info targets.Info) error {
	w, err := workloads.ByName(p.Plan.Workload)
	if err != nil {
		return targets.Usagef("--workload: %v", err)
	}
	cfg := workloads.Config{
		Seed: p.Plan.Seed, Workers: p.Plan.Concurrency, Nodes: p.Plan.Nodes,
		Funcs: info.Funcs, MaxTxn: info.MaxTxn, TxnUnmixed: info.TxnUnmixed,
		Keys: p.Plan.Keys, OpsPerKey: p.Plan.OpsPerKey, MaxInfoPerKey: p.Plan.MaxInfoPerKey,
		Weights: p.Plan.Weights, Options: p.Plan.WorkloadOptions,
	}
	if p.Workload, err = w.New(cfg); err != nil {
		return targets.Usagef("--workload %s: %v", p.Plan.Workload, err)
	}
	if p.Plan.Operations, err = workloads.Digest(w, cfg, fingerprinted); err != nil {
		return fmt.Errorf("fingerprinting the operations: %w", err)
	}
	if len(p.Plan.Models) == 0 {
		p.Plan.Models = w.Models()
	}
	return nil
}

func (p *Planned) chooseModels(list string, env Environment) error {
	names := p.Plan.Models
	if list != "" {
		names = strings.Split(list, ",")
	}
	p.Plan.Models, p.Models = names[:0:0], nil
	for _, n := range names {
		c, err := env.model(strings.TrimSpace(n))
		if err != nil {
			return targets.Usagef("--model: %v", err)
		}
		p.Models = append(p.Models, c)
		p.Plan.Models = append(p.Plan.Models, c.Model().Name)
	}
	return nil
}
