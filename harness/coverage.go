package harness

import (
	"fmt"

	"github.com/lapse-test/lapse/history"
)

// tell records a sample. One that cannot be recorded is missing, which is no reason to end the run.
func (r *run) tell(v history.Told) {
	if err := r.recorder.Tell(v); err != nil {
		r.log.Warn("recording what was seen", "error", err)
	}
}

// recordCoverage records what the faults are meant to cover, if there are any.
func (r *run) recordCoverage() error {
	if len(r.plan.Schedule.Steps) == 0 {
		return nil
	}
	covers := r.plan.Schedule.Coverage()
	if err := r.recorder.Tell(&covers); err != nil {
		return fmt.Errorf("recording what the faults are to cover: %w", err)
	}
	return nil
}
