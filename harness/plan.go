// Package harness is the run itself: the plan, the workers, the phases (set up,
// load, heal, settle, final reads), and nothing that knows one database,
// workload or fault from another.
package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// PlanSchema is the version of the stored plan.
const PlanSchema = 1

// Plan is everything that decides what a run does. The same flags and the same
// seed give the same plan, byte for byte: it holds no time of day, no name of a
// run and no path. `lapse replay` runs a stored plan again.
type Plan struct {
	Schema int    `json:"schema"`
	Seed   uint64 `json:"seed"`

	Target     string            `json:"target"`
	Provider   string            `json:"provider"`
	Nodes      int               `json:"nodes"`
	WriteLevel string            `json:"write_level"`
	ReadLevel  string            `json:"read_level"`
	Options    map[string]string `json:"options,omitempty"`
	// Image is the container image that the user chose.
	Image string `json:"image,omitempty"`
	// At are the addresses of nodes that somebody else runs, as --at gave them;
	// none of them has a secret in it. Operator has that somebody's commands.
	At       []string          `json:"at,omitempty"`
	Operator *cluster.Operator `json:"operator,omitempty"`

	Workload        string            `json:"workload"`
	WorkloadOptions map[string]string `json:"workload_options,omitempty"`
	Weights         map[string]int    `json:"weights,omitempty"`
	Keys            int               `json:"keys,omitempty"`
	OpsPerKey       int               `json:"ops_per_key,omitempty"`
	MaxInfoPerKey   int               `json:"max_info_per_key,omitempty"`
	// Session is "stay" (a session keeps to its node) or "roam" (it asks
	// another node for each operation).
	Session     string `json:"session"`
	Concurrency int    `json:"concurrency"`
	// Rate is operations a second over all workers, open loop; 0 is closed
	// loop: every worker asks again as soon as it was answered.
	Rate      float64  `json:"rate"`
	Duration  Duration `json:"duration"`
	OpTimeout Duration `json:"op_timeout"`
	// Settle is how long the system is left alone between the healing of the
	// last fault and the final reads.
	Settle Duration `json:"settle"`

	Faults []string `json:"faults,omitempty"`
	// FaultInterval and FaultHold are what was asked for, 0 where it was left to
	// the schedule.
	FaultInterval Duration         `json:"fault_interval,omitempty"`
	FaultHold     Duration         `json:"fault_hold,omitempty"`
	Schedule      nemesis.Schedule `json:"schedule"`

	// Models are the consistency models that the history is checked against.
	Models []string `json:"models"`
	// Operations is a fingerprint of the first operations of every worker, so
	// that two plans can be told apart by what they would do.
	Operations string `json:"operations"`
}

// Duration is a time.Duration that is written as "1m30s".
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// Encode is the plan as it is stored: indented JSON with a final newline.
func (p *Plan) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the plan: %w", err)
	}
	return append(b, '\n'), nil
}

// ReadPlan loads a stored plan.
func ReadPlan(path string) (*Plan, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	var p Plan
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, targets.Usagef("%s is no plan: %v", path, err)
	}
	if p.Schema != PlanSchema {
		return nil, targets.Usagef("the plan %s has schema %d, this lapse reads %d", path, p.Schema, PlanSchema)
	}
	return &p, nil
}
