package harness

import (
	"context"
	"time"

	"github.com/lapse-test/lapse/targets"
)

// measuresTimeout bounds how long a system is asked for what it has counted.
const measuresTimeout = 10 * time.Second

// recordMeasures records what the system has counted of the load, if it counts.
func (r *run) recordMeasures(ctx context.Context) {
	m, ok := r.system.(targets.Measurer)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, measuresTimeout)
	defer cancel()
	for _, measure := range m.Measures(ctx) {
		r.tell(&measure)
	}
}
