package harness

import (
	"context"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads"
)

// placesTimeout bounds how long the places of keys are asked for.
const placesTimeout = 10 * time.Second

// recordPlaces records where keys are, if the workload wants it and the system
// can tell. It comes after the load, so as not to disturb it.
func (r *run) recordPlaces(ctx context.Context) {
	gen, wanted := r.deps.Workload.(workloads.Placer)
	system, can := r.system.(targets.ReplicaPlacer)
	if !wanted || !can {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, placesTimeout)
	defer cancel()
	for _, key := range gen.Placed() {
		nodes, err := system.Replicas(ctx, key)
		if err != nil {
			r.log.Warn("asking where keys are", "error", err)
			return
		}
		r.tell(&history.Placement{Key: key, Nodes: nodes})
	}
}
