package suite

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/providers"
)

// Suite is a suite file, ready to be run.
type Suite struct {
	File *File
	// Source names the file that it came from, Digest is the SHA-256 of its text.
	Source, Digest string
	Seed           uint64
	Budget         time.Duration
	Cells          []Cell
}

// Cell is one combination of a matrix.
type Cell struct {
	// ID is case/target/levels/faults.
	ID string
	// Target is the name in the file; Optional is as there.
	Target   string
	Optional bool
	Faults   []string
	Request  runs.Request
	// Planned is nil if the target is not to be had, and Missing says why.
	Planned *runs.Planned
	Missing string
	Claims  []CellClaim
	// Thresholds are those of its case.
	Thresholds []string
	// Hunt is that of its case, nil if it is run as it is; fixed are the settings then that
	// are not varied.
	Hunt  *Hunt
	fixed []string
}

// CellClaim is a claim that applies to a run.
type CellClaim struct {
	Claim
	Line int
}

// Load parses a suite and plans all its runs. Nothing is started. seed replaces
// that of the file if it is not nil.
func Load(ctx context.Context, source string, text []byte, seed *uint64, env runs.Environment) (*Suite, error) {
	f, err := Parse(source, text)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	s := &Suite{File: f, Source: source, Digest: hex.EncodeToString(sum[:])}
	n, given, err := f.seed()
	if err != nil {
		return nil, err
	}
	switch {
	case seed != nil:
		s.Seed = *seed
	case given:
		s.Seed = n
	default:
		s.Seed = rand.Uint64N(1 << 53) // exact as a JSON number anywhere
	}
	if f.Budget != "" {
		if s.Budget, err = time.ParseDuration(f.Budget); err != nil {
			return nil, fmt.Errorf("reading the budget: %w", err)
		}
	}
	p := newProblems(source, text)
	f.checkProviders(p, providers.Names(env.Providers))
	for i := range f.Cases {
		if s.expand(ctx, p, i, env); p.missing != nil {
			return s, p.err()
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("planning the suite: %w", ctx.Err())
	}
	s.checkNodes(p)
	return s, p.err()
}

// checkNodes wants nodes that are all made by lapse, or all not: a suite runs in one
// place.
func (s *Suite) checkNodes(p *problems) {
	var first *Cell
	for i := range s.Cells {
		r := &s.Cells[i]
		if r.Planned == nil {
			continue
		}
		if first == nil {
			first = r
		}
		if (r.Planned.Plan.Provider == external.Name) != (first.Planned.Plan.Provider == external.Name) {
			p.add("$.targets", "lapse makes the nodes of one of %s and %s, and not of the other; make two suites", first.Target, r.Target)
			return
		}
	}
}

func (s *Suite) expand(ctx context.Context, p *problems, i int, env runs.Environment) {
	c := &s.File.Cases[i]
	faults := c.Matrix.Faults
	if len(faults) == 0 {
		faults = [][]string{nil}
	}
	used := make([]bool, len(c.Claims))
	for _, target := range c.Matrix.Target {
		for j, levels := range c.Matrix.Levels {
			for _, list := range faults {
				if ctx.Err() != nil {
					return
				}
				r := s.request(c, target, levels, list)
				var err error
				if r.Planned, err = runs.Plan(ctx, r.Request, env); err != nil {
					if r.Optional && unknownTarget(r.Request.Target, env) {
						r.Missing = err.Error()
						s.Cells = append(s.Cells, r)
						for k := range used {
							used[k] = true
						}
						continue
					}
					at := fmt.Sprintf("$.cases[%d].matrix.levels[%d]", i, j)
					var lacking *cluster.EnvironmentError
					if errors.As(err, &lacking) { // the file is right, and what it speaks of is not there
						p.lacking(at, fmt.Errorf("%s: %w", r.ID, err))
						return
					}
					p.add(at, "%s: %v", r.ID, err)
					continue
				}
				for k := range c.Claims {
					at := fmt.Sprintf("$.cases[%d].claims[%d].when", i, k)
					ok, err := applies(&c.Claims[k], &r)
					if err != nil {
						p.add(at, "%s: %v", r.ID, err)
						return
					}
					if ok {
						used[k] = true
						line, _, _ := p.locate(fmt.Sprintf("$.cases[%d].claims[%d].model", i, k))
						r.Claims = append(r.Claims, CellClaim{c.Claims[k], line})
					}
				}
				if err = s.claim(&r, env); err != nil {
					p.add(fmt.Sprintf("$.cases[%d]", i), "%s: %v", r.ID, err)
					continue
				}
				if err = r.huntable(ctx, env); err != nil {
					p.add(fmt.Sprintf("$.cases[%d].hunt", i), "%s: %v", r.ID, err)
					continue
				}
				s.Cells = append(s.Cells, r)
			}
		}
	}
	for k := range used {
		if !used[k] && len(p.errs) == 0 {
			p.add(fmt.Sprintf("$.cases[%d].claims[%d].when", i, k), "this claim applies to no run of its matrix")
		}
	}
}

// claim has the run checked against what is claimed of it.
func (s *Suite) claim(r *Cell, env runs.Environment) error {
	var models []string
	for _, c := range r.Claims {
		if !slices.Contains(models, c.Model) {
			models = append(models, c.Model)
		}
	}
	r.Request.Models = strings.Join(models, ",")
	p := r.Planned
	need := verdict.RequireOfRun(len(p.Plan.Schedule.Steps) > 0)
	q := s.File.Require
	for _, n := range []struct{ to, from *int }{{&need.OK, q.OK}, {&need.AtRisk, q.ReadsAtRisk}, {&need.DuringFaults, q.DuringFaults}} {
		if n.from != nil {
			*n.to = *n.from
		}
	}
	if q.FaultsBite != nil {
		need.FaultsBit = *q.FaultsBite
	}
	if len(p.Plan.Schedule.Steps) == 0 {
		need.FaultsBit, need.DuringFaults = false, 0
	}
	if len(models) == 0 {
		p.Require = &need
		return nil
	}
	return p.Check(models, &need, env)
}

// request makes a run of the matrix, before its claims are known.
func (s *Suite) request(c *Case, target, levels string, faults []string) Cell {
	t := s.File.Targets[target]
	req := settings.Defaults()
	for _, part := range []struct {
		name string
		keys map[string]any
	}{{settings.InTarget, t}, {settings.InSettings, s.File.Defaults}, {settings.InSettings, c.Settings}} {
		apply(part.name, part.keys, &req, func(string, error) {}) // checked by Parse
	}
	req.WriteLevel, req.ReadLevel, _ = splitLevels(levels)
	if len(c.Options) > 0 {
		options := maps.Clone(req.Options)
		if options == nil {
			options = map[string]string{}
		}
		maps.Copy(options, c.Options)
		req.Options = options
	}
	req.Faults, req.Seed, req.Seeded = strings.Join(faults, ","), s.Seed, true
	name := strings.Join(faults, "+")
	if name == "" {
		name = "none"
		if c.Hunt != nil {
			name = "any" // that the target can have
		}
	}
	return Cell{
		Hunt: c.Hunt, fixed: fixedBy(c.Settings),
		ID:     strings.Join([]string{c.Name, target, strings.ReplaceAll(levels, "/", "-"), name}, "/"),
		Target: target, Optional: t.Optional(), Faults: faults, Thresholds: c.Thresholds, Request: req,
	}
}

func unknownTarget(kind string, env runs.Environment) bool {
	_, err := env.Target(kind)
	return err != nil
}

// applies decides a claim's condition for a run.
func applies(c *Claim, r *Cell) (bool, error) {
	when, err := parseWhen(c.When)
	if err != nil {
		return false, err
	}
	plan := r.Planned.Plan
	faults := strings.Join(r.Faults, "+")
	if faults == "" {
		faults = "none"
	}
	words := map[string]string{"write": plan.WriteLevel, "read": plan.ReadLevel, "target": r.Target, "faults": faults}
	return when.holds(replicas(r), words)
}

// replicas are N, W and R where the levels are counts of replicas.
func replicas(r *Cell) map[string]int {
	q := r.Planned.Target.Info().Quorums
	if q == nil {
		return nil
	}
	n, w, rd, ok := q.Counts(r.Planned.Config)
	if !ok {
		return nil
	}
	return map[string]int{"N": n, "W": w, "R": rd}
}

// unknownStartup is for targets that do not say how long a start takes.
const unknownStartup = 10 * time.Second

// Estimate returns the time that a run will take, from what starting its target takes on
// two cores.
func (r *Cell) Estimate() time.Duration {
	if r.Planned == nil {
		return 0
	}
	if r.Hunt != nil {
		return r.Hunt.time()
	}
	start := cmp.Or(r.Planned.Target.Info().Startup, unknownStartup)
	return start + r.Planned.Plan.Duration + r.Planned.Plan.Settle
}

// Estimate returns the time that all runs will take, without the budget.
func (s *Suite) Estimate() time.Duration {
	var total time.Duration
	for i := range s.Cells {
		total += s.Cells[i].Estimate()
	}
	return total
}

// Policy is the gate of the file.
func (s *Suite) Policy() gate.Policy {
	p := gate.Policy{Inconclusive: s.File.Gate.Inconclusive, Environment: s.File.Gate.Environment, Thresholds: s.File.Gate.Thresholds}
	for _, k := range s.File.Gate.Known {
		p.Known = append(p.Known, gate.KnownIssue(k))
	}
	return p
}

// Present looks again whether the software of optional targets is there, and
// takes out the runs of those whose is not.
func (s *Suite) Present(ctx context.Context) {
	missing := map[string]string{}
	for i := range s.Cells {
		r := &s.Cells[i]
		if r.Planned == nil || !r.Optional {
			continue
		}
		why, known := missing[r.Target]
		if !known {
			if f, ok := r.Planned.Target.(targets.Fetcher); ok {
				if _, err := f.Present(ctx, r.Planned.Config); err != nil {
					why = err.Error()
				}
			}
			missing[r.Target] = why
		}
		if why != "" {
			r.Planned, r.Missing = nil, why
		}
	}
}
