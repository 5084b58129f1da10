// Package harness is the run itself: the plan, the workers, the phases (set up,
// load, heal, settle, final reads), and nothing that knows one database,
// workload or fault from another.
package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// PlanSchema is the version of the stored plan.
const PlanSchema = 1

// Plan is everything that decides what a run does. The same flags and the same
// seed give the same plan, byte for byte: it holds no time of day, no name of a
// run and no path. `lapse replay` runs a stored plan again.
type Plan struct {
	Schema int
	// Run is the settings with every default filled in: levels and options as the
	// target resolved them, the concurrency as a number, the models by name. None of
	// the addresses has a secret in it, and Operator and Script are the commands and
	// the schedule themselves.
	settings.Run
	Schedule nemesis.Schedule
	// Operations is a fingerprint of the first operations of every worker, so
	// that two plans can be told apart by what they would do.
	Operations string
}

// Needs are the capabilities that its faults need, and regions that are apart.
func (p *Plan) Needs() []cluster.Capability {
	out := p.Schedule.Capabilities()
	if p.Topology != "" && !slices.Contains(out, cluster.HoldsBack) {
		out = append(out, cluster.HoldsBack)
	}
	return out
}

// Clients is how many clients there are at once.
func (p *Plan) Clients() int {
	n, _ := strconv.Atoi(p.Concurrency) // the plan was made with a number
	return n
}

// FaultNames are the faults that were asked for; of a list with a name of its own, those
// of it that the run has.
func (p *Plan) FaultNames() []string {
	if p.Schedule.Preset != "" {
		return slices.Clone(p.Schedule.Faults)
	}
	return settings.Names(p.Faults)
}

// ModelNames are the consistency models that the history is checked against.
func (p *Plan) ModelNames() []string { return settings.Names(p.Models) }

// MarshalJSON implements json.Marshaler.
func (p Plan) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"schema":%d,`, p.Schema)
	if err := p.Fields(&b); err != nil {
		return nil, err
	}
	schedule, err := json.Marshal(p.Schedule)
	if err != nil {
		return nil, fmt.Errorf("encoding the schedule: %w", err)
	}
	operations, err := json.Marshal(p.Operations)
	if err != nil {
		return nil, fmt.Errorf("encoding where the operations are: %w", err)
	}
	fmt.Fprintf(&b, `"schedule":%s,"operations":%s}`, schedule, operations)
	return b.Bytes(), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Plan) UnmarshalJSON(b []byte) error {
	var rest struct {
		Schema     int              `json:"schema"`
		Schedule   nemesis.Schedule `json:"schedule"`
		Operations string           `json:"operations"`
	}
	var fields map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(b, &rest), json.Unmarshal(b, &fields)); err != nil {
		return err
	}
	p.Schema, p.Schedule, p.Operations = rest.Schema, rest.Schedule, rest.Operations
	return p.SetFields(fields)
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
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		return nil, targets.Usagef("%s is no plan: it is no JSON object", path)
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
