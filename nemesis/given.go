package nemesis

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Take checks whether a schedule that somebody gave can be carried out on what cfg
// says, in place of one that NewSchedule draws: its nodes are those there are, it ends with
// the load, and the target can have its faults.
func Take(s Schedule, cfg Config) (Schedule, error) {
	if err := s.Validate(); err != nil {
		return Schedule{}, err
	}
	if !slices.Equal(s.Nodes, cfg.Nodes) {
		return Schedule{}, usagef("the schedule is for the nodes %s, and there are %s", strings.Join(s.Nodes, ", "), strings.Join(cfg.Nodes, ", "))
	}
	if s.Duration != cfg.Duration {
		return Schedule{}, usagef("the schedule is for a load of %s, and this one lasts %s", s.Duration, cfg.Duration)
	}
	for i, step := range s.Steps {
		if !slices.Contains(s.Faults, step.Fault) && !mixes(s.Faults, step.Fault) {
			return Schedule{}, usagef("step %d: %s is not among the faults of the schedule", i+1, step.Fault)
		}
		if step.At+step.Hold > s.Duration {
			return Schedule{}, usagef("step %d: it ends after the load, which lasts %s", i+1, s.Duration)
		}
		_, err := newBag(step.Fault, cfg)
		if err == nil {
			err = stepFits(&step, cfg)
		}
		if err != nil {
			return Schedule{}, fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	s.Detection = cfg.detection()
	return s, nil
}

// overlapping says which steps would have the same in hand at the same time, nil if none have.
func (s Schedule) overlapping() error {
	if s.Mode != Mixed {
		return nil // each waits for the one before
	}
	type holding struct {
		step   int
		claims []claim
	}
	var on []holding // steps come in the order in which they begin
	for i := range s.Steps {
		b := holding{i, claimsOfStep(s.Nodes, &s.Steps[i])}
		on = slices.DeleteFunc(on, func(a holding) bool { return s.Steps[a.step].At+s.Steps[a.step].Hold <= s.Steps[i].At })
		for _, a := range on {
			if c, both := common(a.claims, b.claims); both {
				return usagef("schedule of faults: step %d: %s begins while step %d (%s) is on, and both would have the %s of %s in hand: let one end before the other begins, or take the later one out, which would be left out when its time comes", i+1, s.Steps[i].Fault, a.step+1, s.Steps[a.step].Fault, c.what, c.node)
			}
		}
		on = append(on, b)
	}
	return nil
}

// stepFits says why the target lacks what this one step needs, nil if it has it.
func stepFits(step *Step, cfg Config) error {
	k, err := find(step.Fault)
	if err != nil {
		return err
	}
	return k.serves(step, cfg.has, cfg.Lacks)
}

// mixes tells whether one of the faults is a mix of which fault is a part.
func mixes(faults []string, fault string) bool {
	return slices.ContainsFunc(faults, func(name string) bool {
		k, err := find(name)
		return err == nil && slices.Contains(k.mix, fault)
	})
}

// WriteLine writes the schedule as one line of JSON.
func (s Schedule) WriteLine(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // n1>n2 is to be read by people
	if err := e.Encode(s); err != nil {
		return fmt.Errorf("writing the schedule of faults: %w", err)
	}
	return nil
}
