package nemesis

import (
	"context"
	"errors"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

func (n *fakeNode) Throttle(_ context.Context, share float64) error {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	if n.f.lies.throttleFails {
		return errors.New("read-only file system")
	}
	if !n.f.lies.throttleNothing {
		n.share = share
	}
	return nil
}

func (n *fakeNode) Unthrottle(context.Context) error {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	if !n.f.lies.throttleStays {
		n.share = 0
	}
	return nil
}

func (n *fakeNode) Throttling() (cluster.Throttling, error) {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	out := cluster.Throttling{Share: n.share}
	if n.share == 0 {
		return out, nil
	}
	out.Periods, out.Throttled, out.Waited, out.Used = 30, 12, time.Second, 90*time.Millisecond
	if n.f.lies.throttleIdle {
		out.Throttled = 0
	}
	if n.f.lies.throttleOutside {
		out.Outside = 2
	}
	return out, nil
}
