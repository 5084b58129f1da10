package harness

import (
	"context"
	"time"

	"github.com/lapse-test/lapse/targets"
)

// How often replicas are asked how far behind they are: no more than lagSamples
// times in a run, so that a run of hours has no more events than can be drawn.
const (
	lagEvery   = 500 * time.Millisecond
	lagSamples = 2000
	lagTimeout = time.Second
)

// sampleLag records how far replicas are behind until ctx is done, if the system
// can tell. What cannot be asked is not there: that too is an answer.
func (r *run) sampleLag(ctx context.Context) <-chan struct{} {
	meter, ok := r.system.(targets.LagMeter)
	if !ok {
		done := make(chan struct{})
		close(done)
		return done
	}
	return every(ctx, max(lagEvery, r.plan.Duration/lagSamples), func() { r.recordLag(ctx, meter) })
}

func (r *run) recordLag(ctx context.Context, meter targets.LagMeter) {
	ctx, cancel := context.WithTimeout(ctx, lagTimeout)
	defer cancel()
	lags, err := meter.ReplicaLag(ctx)
	if err != nil {
		r.log.Debug("asking replicas how far behind they are", "error", err)
		return
	}
	for i := range lags {
		r.tell(&lags[i])
	}
}
