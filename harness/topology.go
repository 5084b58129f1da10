package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/cluster"
)

// roundTripTimeout bounds a measured round trip: there and back at the longest, and what a
// busy machine adds.
const roundTripTimeout = 2*cluster.LongestRoundTrip + 10*time.Second

// recordRoundTrips measures what round trips between regions take and records it, which is
// the proof that the run had its topology. One that is shorter than it must be is an
// error: what the run says of regions would be said of none. When is for people.
func (r *run) recordRoundTrips(ctx context.Context, when string) error {
	if r.topology == nil {
		return nil
	}
	network, ok := r.cluster.Network().(cluster.Shaper)
	if !ok {
		return fmt.Errorf("the provider %s has no links that are slow, though the plan has regions", r.cluster.Provider())
	}
	var words []string
	for _, w := range r.topology.Ways {
		least, most, err := measure(ctx, network, r.topology.Pairs(w))
		if errors.Is(err, cluster.ErrUnreachable) {
			words = append(words, fmt.Sprintf("%s cannot be reached", w))
			continue
		}
		if err != nil {
			return fmt.Errorf("measuring the round trips of %s: %w", w, err)
		}
		if most == 0 { // a region of one node has none inside
			continue
		}
		if least < w.RoundTrip {
			return &cluster.EnvironmentError{
				Doing: "measuring the round trips of the topology",
				Err:   fmt.Errorf("one of %s took %s and must take %s", w, duration.Text(least), duration.Text(w.RoundTrip)),
				Way:   "this is a defect of lapse; leave --topology out until it is mended",
			}
		}
		words = append(words, fmt.Sprintf("%s %s to %s (%s wanted)", w, duration.Text(least), duration.Text(most), duration.Text(w.RoundTrip)))
	}
	text := "measured " + when + ": " + strings.Join(words, ", ")
	r.recorder.Event(history.EventRoundTrips, text)
	r.progress.Note("round trips " + text)
	return nil
}

// measure is the shortest and the longest round trip over the links, 0 if there are none.
func measure(ctx context.Context, network cluster.Shaper, links []cluster.Link) (least, most time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, roundTripTimeout)
	defer cancel()
	took := make([]time.Duration, len(links))
	group, ctx := errgroup.WithContext(ctx)
	for i, l := range links {
		group.Go(func() (err error) {
			took[i], err = network.RoundTrip(ctx, l.From, l.To)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, 0, err
	}
	for _, t := range took {
		if least == 0 || t < least {
			least = t
		}
		most = max(most, t)
	}
	return least, most, nil
}
