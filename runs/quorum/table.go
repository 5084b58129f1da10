package quorum

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/workloads/named"
)

// Schema is the version of the table's JSON.
const Schema = 1

// Table is what predictions and observations came to.
type Table struct {
	Schema  int               `json:"schema"`
	Target  string            `json:"target"`
	N       int               `json:"n"`
	Seed    uint64            `json:"seed"`
	Options map[string]string `json:"options,omitempty"`
	Rows    []string          `json:"rows"`
	Columns []string          `json:"columns"`
	Cells   []Result          `json:"cells"`
	Exit    verdict.Exit      `json:"exit"`
}

// Result is what was seen in a cell.
type Result struct {
	Row        string                `json:"row"`
	Column     string                `json:"column"`
	WriteLevel string                `json:"write_level"`
	ReadLevel  string                `json:"read_level"`
	Because    string                `json:"because"`
	Models     map[string]Comparison `json:"models"`
	// AtRisk, Stale and Rate are of all reads that could have been stale.
	AtRisk int      `json:"reads_at_risk"`
	Stale  int      `json:"stale_reads"`
	Rate   float64  `json:"stale_rate"`
	Rate95 Interval `json:"stale_rate_95"`
	// AtRiskInFaults and StaleInFaults are those inside fault windows.
	AtRiskInFaults int `json:"reads_at_risk_in_faults"`
	StaleInFaults  int `json:"stale_reads_in_faults"`
	// WorstMS is the longest time after an acknowledgement at which a read still
	// began that missed it.
	WorstMS float64 `json:"worst_staleness_ms"`
	Served  Served  `json:"served"`
	// Runs are the runs behind it, in order.
	Runs []string `json:"runs"`
	// Environment says what went wrong outside the database.
	Environment string `json:"environment,omitempty"`
}

// Comparison compares prediction and observation of a model.
type Comparison struct {
	Predicted Prediction  `json:"predicted"`
	Observed  Observation `json:"observed"`
	// AsPredicted is false if what was promised broke.
	AsPredicted bool `json:"as_predicted"`
	// Violations were counted in Evidence reads (or operations) that could have
	// shown one.
	Violations int `json:"violations"`
	Evidence   int `json:"evidence"`
	// Run holds the witness, if it broke; Witness is its sentence.
	Run     string `json:"run,omitempty"`
	Witness string `json:"witness,omitempty"`
	// Reasons say why it is inconclusive.
	Reasons []string `json:"reasons,omitempty"`
	// Proof and History are for showing the witness in full.
	Proof   *checkers.Violation `json:"-"`
	History *history.History    `json:"-"`
}

// minAtRisk is how many reads that could have been stale a pass needs.
const minAtRisk = 50

// state collects what the runs of a cell showed.
type state struct {
	cell      *Cell
	result    Result
	histories []*history.History
	// longer replaces the cell's attack from the second run on.
	longer attack
}

// Run fills in the table, cell by cell, and calls done after each. When ctx ends
// it returns the cells that were run, with ctx's error.
// The runs are kept as parts of one table.
func Run(ctx context.Context, ask Ask, cells []Cell, provider cluster.Provider, reason string, env runs.Environment, done func(Result)) (*Table, error) {
	t := &Table{Schema: Schema, Target: ask.Target, N: ask.N, Seed: ask.Seed, Options: ask.Options, Rows: Rows(cells), Columns: Columns(cells)}
	whole := "quorum " + store.NewID(time.Now(), rand.Uint32())
	for i := range cells {
		env.Part = &store.Part{Of: whole, Label: cells[i].Row + ", " + cells[i].Column}
		r, err := runCell(ctx, ask, &cells[i], provider, reason, env)
		if err != nil {
			return t, fmt.Errorf("trying %s %s: %w", cells[i].Row, cells[i].Column, err)
		}
		t.Cells = append(t.Cells, r)
		if done != nil {
			done(r)
		}
	}
	t.Exit = t.exit()
	return t, nil
}

func runCell(ctx context.Context, ask Ask, c *Cell, provider cluster.Provider, reason string, env runs.Environment) (Result, error) {
	s := &state{cell: c, result: Result{
		Row: c.Row, Column: c.Column, WriteLevel: c.Request.WriteLevel, ReadLevel: c.Request.ReadLevel,
		Because: c.Because, Models: map[string]Comparison{},
	}}
	for m, p := range c.Predicted {
		s.result.Models[m] = Comparison{Predicted: p, Observed: Thin, AsPredicted: true}
	}
	d := c.Request.Duration
	if err := s.run(ctx, c.Request, ask, d/3, d/5, provider, reason, env); err != nil {
		return s.result, err
	}
	if s.unseen(Regular) || s.unseen(ReadYourWrites) {
		longer := c.Request
		longer.Duration, longer.Seed = 2*d, ask.Seed+1
		longer.Rate *= 1.5
		s.longer = c.longer
		if err := s.run(ctx, longer, ask, d/3, d/5, provider, reason, env); err != nil {
			return s.result, err
		}
	}
	if s.unseen(Linearizable) {
		// A read that misses what an earlier one saw needs a write under way, and
		// most of all one that reached some replicas and not enough, which only
		// the moment of a cut makes: short windows, several writers a key.
		harder := c.Request
		harder.Workload, harder.Keys, harder.Concurrency = named.Register, 4, "3n"
		harder.Weights = "read=3,write=1"
		harder.Duration, harder.Seed = 2*d, ask.Seed+2
		harder.Rate *= 1.5
		if err := s.run(ctx, harder, ask, d/5, d/10, provider, reason, env); err != nil {
			return s.result, err
		}
	}
	s.finish()
	return s.result, nil
}

// unseen tells whether a model may break and has not.
func (s *state) unseen(model string) bool {
	o := s.result.Models[model]
	return o.Predicted == MayBreak && o.Observed != Broke && s.result.Environment == ""
}

func (s *state) run(ctx context.Context, req runs.Request, ask Ask, interval, hold time.Duration, provider cluster.Provider, reason string, env runs.Environment) error {
	req.Models = ReadYourWrites + "," + Linearizable
	p, err := runs.Plan(ctx, req, env)
	if err != nil {
		return err
	}
	rnd := rand.New(rand.NewPCG(req.Seed, uint64(len(s.histories))))
	nodes := p.Target.Spec(p.Config).Nodes
	attack := s.cell.attack
	if s.longer != nil {
		attack = s.longer
	}
	if err := schedule(&p.Plan.Schedule, attack(rnd, nodes, req.Duration, interval, hold)); err != nil {
		return err
	}
	if err := p.KeepSchedule(); err != nil {
		return err
	}
	// At some levels nothing succeeds while a fault is on: that is part of the
	// answer, and no lack of evidence. The reads that could have been stale are counted here.
	p.Require = &verdict.Require{OK: minAtRisk, FaultsBit: len(p.Plan.Schedule.Steps) > 0}
	f, err := runs.Run(ctx, p, provider, reason, env)
	if f == nil {
		return err
	}
	s.result.Runs = append(s.result.Runs, f.Dir.ID)
	if f.Report.Interrupted {
		return context.Cause(ctx)
	}
	if err != nil {
		s.result.Environment = err.Error()
	}
	if f.History != nil {
		s.histories = append(s.histories, f.History)
		s.take(f)
	}
	return nil
}

// take adds what a run showed.
func (s *state) take(f *runs.Finished) {
	for _, model := range []string{ReadYourWrites, Linearizable} {
		v, ok := f.Summary.ByModel(model)
		if !ok {
			continue
		}
		o := s.result.Models[model]
		o.Violations += v.Total
		if o.Evidence += v.Evidence.AtRisk; v.Evidence.AtRisk == 0 {
			o.Evidence += v.Evidence.Reads
		}
		if v.Status == checkers.Inconclusive {
			o.Reasons = append(o.Reasons, v.Reasons...)
		}
		if len(v.Violations) > 0 {
			o.broke(f, &v.Violations[0])
		}
		s.result.Models[model] = o
	}
	fresh, ok := MeasureFreshness(f.History)
	if !ok {
		return
	}
	r := &s.result
	r.AtRisk += fresh.AtRisk
	r.Stale += fresh.Stale
	r.AtRiskInFaults += fresh.AtRiskInFaults
	r.StaleInFaults += fresh.StaleInFaults
	r.WorstMS = max(r.WorstMS, float64(fresh.Worst)/float64(time.Millisecond))
	o := r.Models[Regular]
	o.Violations, o.Evidence = r.Stale, r.AtRisk
	if v, _ := f.Summary.ByModel(ReadYourWrites); v.Status == checkers.Inconclusive {
		o.Reasons = append(o.Reasons, v.Reasons...)
	}
	if fresh.Witness != nil {
		o.broke(f, fresh.Witness)
	}
	r.Models[Regular] = o
}

func (o *Comparison) broke(f *runs.Finished, v *checkers.Violation) {
	o.Observed = Broke
	if o.Proof == nil {
		o.Proof, o.History, o.Run, o.Witness = v, f.History, f.Dir.ID, v.Sentence
	}
}

// finish turns counts into words.
func (s *state) finish() {
	r := &s.result
	if r.AtRisk > 0 {
		r.Rate = float64(r.Stale) / float64(r.AtRisk)
	}
	r.Rate95 = Wilson(r.Stale, r.AtRisk)
	r.Served = MeasureService(s.histories...)
	for m, o := range r.Models {
		if o.Observed != Broke {
			switch {
			case r.Environment != "":
				o.Reasons = append(o.Reasons, r.Environment)
			case len(o.Reasons) > 0:
			case r.AtRisk < minAtRisk:
				o.Reasons = append(o.Reasons, fmt.Sprintf("%s could have been stale, %s are required", count.Only(r.AtRisk, "reads"), count.Text(minAtRisk)))
			case o.Predicted == Hold:
				o.Observed = Held
			default:
				o.Observed = NotSeen
			}
		}
		o.AsPredicted = o.Predicted != Hold || o.Observed != Broke
		r.Models[m] = o
	}
}

// exit is 1 if what was promised broke, 3 if a cell could not be run, 2 if the
// evidence for a promise is too thin, else 0.
func (t *Table) exit() verdict.Exit {
	e := verdict.Exit{Code: verdict.ExitHeld, Reason: "as predicted"}
	worse := func(code int, reason string) {
		if verdict.WorseExit(e.Code, code) != e.Code {
			e = verdict.Exit{Code: code, Reason: reason}
		}
	}
	for i := range t.Cells {
		c := &t.Cells[i]
		for _, m := range Models() {
			o, predicted := c.Models[m]
			switch {
			case !predicted: // nobody asked
			case !o.AsPredicted:
				worse(verdict.ExitViolated, fmt.Sprintf("%s %s: %s is promised and broke", c.Row, c.Column, m))
			case c.Environment != "":
				worse(verdict.ExitEnvironment, fmt.Sprintf("%s %s: %s", c.Row, c.Column, c.Environment))
			case o.Observed == Thin:
				worse(verdict.ExitInconclusive, fmt.Sprintf("%s %s: too little evidence about %s", c.Row, c.Column, m))
			}
		}
	}
	return e
}
