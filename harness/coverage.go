package harness

import (
	"encoding/json"
	"fmt"

	"github.com/lapse-test/lapse/history"
)

// recordCoverage records what the faults are meant to cover, if there are any.
func (r *run) recordCoverage() error {
	if len(r.plan.Schedule.Steps) == 0 {
		return nil
	}
	text, err := json.Marshal(r.plan.Schedule.Coverage())
	if err != nil {
		return fmt.Errorf("recording what the faults are to cover: %w", err)
	}
	r.recorder.Event(history.EventCoverage, string(text))
	return nil
}
