package nemesis

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/targets/cluster"
)

// resetEvery is how often connections are reset: a client has done something on its new
// one by then.
const resetEvery = 250 * time.Millisecond

// reset ends all connections of a node again and again. It takes effect when a few
// were ended, and is healed when nobody ends any more and probes pass.
type reset struct {
	node    string
	network cluster.Shaper
	links   []cluster.Link
	again   again
	ended   atomic.Int64
}

func (r *reset) aim(ctx context.Context, s *scene, f *history.Fault) (err error) {
	f.Kind, f.Name, f.Nodes = familyQuality, "reset the connections of "+r.node, []string{r.node}
	if r.network, err = s.shaper(); err != nil {
		return err
	}
	r.links = cluster.Both(r.node, cluster.Clients)
	for _, n := range s.nodes {
		if n != r.node {
			r.links = append(r.links, cluster.Both(r.node, n)...)
		}
	}
	return s.awake(ctx, r.node)
}

func (r *reset) inject(ctx context.Context, _ *scene) error {
	r.again.start(ctx, resetEvery, func(ctx context.Context, _ int) error {
		n, err := r.network.Reset(ctx, r.links...)
		r.ended.Add(int64(n))
		return err
	})
	return nil
}

func (r *reset) tookEffect(context.Context, *scene) ([]string, error) {
	times, err := r.again.soFar()
	n := r.ended.Load()
	if err != nil || n == 0 || times < 2 {
		return nil, fmt.Errorf("%s of %s %s reset, in %s (%w)", count.Of(int(n), "connection"), r.node, count.Were(int(n)), count.Of(times, "attempt"), errOr(err, errNoConnection))
	}
	return []string{resetText(n, r.node)}, nil
}

func resetText(n int64, node string) string {
	return fmt.Sprintf("%s of %s %s reset until then", count.Of(int(n), "connection"), node, count.Were(int(n)))
}

func (r *reset) heal(context.Context, *scene) error {
	r.again.stop()
	return nil
}

func (r *reset) healed(ctx context.Context, s *scene) ([]string, error) {
	free := freeLinks(s, r.links)
	if err := s.mustPass(ctx, free); err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("reset in all: %s, and none any more; probes pass over %s", count.Of(int(r.ended.Load()), "connection"), count.Of(len(free), "link"))}, nil
}

func (r *reset) cease() { r.again.stop() }
