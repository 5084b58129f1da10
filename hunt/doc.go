// Package hunt searches for the plan that breaks a promise. It draws plans over
// workloads, faults, their times and combinations, has each carried out, and goes by
// what came near: plans that led to something new are changed a little and tried again.
// What it finds is made small and told with how often it shows.
//
// It knows no database and no provider: a Carrier carries plans out and says what was
// seen, and everything else is a function of the seed and of those answers.
package hunt

import (
	"context"
	"time"

	"github.com/lapse-test/lapse/runs"
)

// Carrier carries plans out.
type Carrier interface {
	// Carry carries p out and says what was seen. When ctx is done it returns within a second with what was seen until then, or with the
	// error of ctx. Another error is of the environment or of lapse: nothing is known of
	// the plan then.
	Carry(ctx context.Context, p *runs.Planned, job Job) (Seen, error)
}

// Job is which part of a hunt a run is.
type Job struct {
	// Label names it.
	Label string
	// Replay says that it is made to see how often a plan shows what is known, so that the
	// run itself is of no further use.
	Replay bool
}

// Seen is the result of a run of a plan: its violations, and how near it came to others.
type Seen struct {
	// Run is the run's identifier, empty where nothing of it was kept.
	Run string `json:"run,omitempty"`
	// Violations are the kinds of violations, the clearest first.
	Violations []Violation `json:"violations,omitempty"`
	// Held are the models that were not refuted, with enough evidence.
	Held []string `json:"held,omitempty"`
	// AtRisk is for each model the reads that could have exposed a violation.
	AtRisk map[string]int `json:"at_risk,omitempty"`
	// Signs name what the system and its clients did, each once: what was never seen
	// before makes a plan worth changing.
	Signs []string `json:"signs,omitempty"`
	// Near says how near the run came to what is not allowed, from 0 to 1.
	Near float64 `json:"near"`
	// Cells are the faults that took effect, with the states that they met.
	Cells []Cell `json:"cells,omitempty"`
	// Trouble says what kept the run from being evidence, such as a fault without effect.
	Trouble string `json:"trouble,omitempty"`
	// Reached is how long the load went on until a violation ended it, 0 where none did.
	Reached time.Duration `json:"reached_ns,omitempty"`
	// Took is how long it took with all that belongs to it.
	Took time.Duration `json:"took_ns"`
}

// Violation is one kind of violation in a run.
type Violation struct {
	// Model is the name of the violated model, Anomaly the pattern of the violation, as the
	// checker calls it.
	Model   string `json:"model"`
	Anomaly string `json:"anomaly"`
	// Sentence is that of the first one.
	Sentence string `json:"sentence"`
	// Weakest says that no other model that was violated is implied by this one.
	Weakest bool `json:"weakest"`
	// Promise tells whether the database promises the model; empty where it does not say.
	Promise Promise `json:"promise,omitempty"`
}

// Promise tells whether a database promises a model in a configuration.
type Promise string

// The values of Promise.
const (
	Promised    Promise = "promised"
	NotPromised Promise = "not promised"
)

// Kind identifies a finding: violations with the same model and the same anomaly are one.
type Kind struct {
	Model   string `json:"model"`
	Anomaly string `json:"anomaly"`
}

// String is the model and the anomaly.
func (k Kind) String() string { return k.Model + ": " + k.Anomaly }

// Cell is a fault that took effect in a state of the system.
type Cell struct {
	// Fault is its family, such as partition.
	Fault string `json:"fault"`
	State State  `json:"state"`
}

// State is what the system was doing when a fault began.
type State string

// The states that a fault can meet.
const (
	Alone         State = "alone"
	BesideAnother State = "beside another"
	AfterAnother  State = "just after another"
	AfterFailover State = "just after a failover"
	WritesOnWay   State = "writes in flight"
	Idle          State = "nothing in flight"
)

// States are all of them, in the order in which they are told.
func States() []State {
	return []State{Alone, BesideAnother, AfterAnother, AfterFailover, WritesOnWay, Idle}
}
