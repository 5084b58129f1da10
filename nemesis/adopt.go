package nemesis

import (
	"slices"
	"strings"
)

// Adopt makes a schedule that somebody wrote (ReadSchedule) the one of a run: cfg is
// what Plan would draw one from, of which Nodes, Abilities, Duration, External and
// Operator count. Its errors name the step and are of the user's input: a node that
// the run has not, a fault that the target or the operator cannot do, or a step that
// is not over when the load is.
func Adopt(s Schedule, cfg Config) (Schedule, error) {
	if err := s.Validate(); err != nil {
		return Schedule{}, err
	}
	for _, n := range s.Nodes {
		if !slices.Contains(cfg.Nodes, n) {
			return Schedule{}, usagef("schedule of faults: it is for nodes %s, but this run has %s", strings.Join(s.Nodes, ", "), strings.Join(cfg.Nodes, ", "))
		}
	}
	s.Duration, s.Nodes = cfg.Duration, slices.Clone(cfg.Nodes)
	s.Faults = nil
	for i := range s.Steps {
		step := &s.Steps[i]
		k, err := find(step.Fault)
		if err == nil {
			err = k.fits(len(cfg.Nodes), cfg.Abilities)
		}
		if err == nil && cfg.External {
			err = k.operated(cfg.Nodes, cfg.Operator)
		}
		if err == nil && step.At+step.Hold > cfg.Duration {
			err = usagef("it lasts until %s, but the load only until %s; make the run longer", step.At+step.Hold, cfg.Duration)
		}
		if err != nil {
			return Schedule{}, usagef("schedule of faults: step %d: %s", i+1, err)
		}
		if !slices.Contains(s.Faults, step.Fault) {
			s.Faults = append(s.Faults, step.Fault)
		}
	}
	return s, s.Validate()
}
