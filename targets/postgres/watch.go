package postgres

import (
	"context"
	"sync"
	"time"
)

// watch follows changes of the primary until Close is called.
func (v *visit) watch() {
	// Each look is a login, which costs the server something.
	const every = time.Second
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				v.follow(ctx)
			}
		}
	})
	v.unwatch = func() { cancel(); done.Wait() }
}

// follow looks for another primary when the present one is none any more.
func (v *visit) follow(ctx context.Context) {
	if v.sys.everyPrimary.Load() || len(v.sys.Nodes) == 1 {
		return
	}
	was := v.sys.primaryIndex()
	if standby, err := v.isStandby(ctx, was); err == nil && !standby {
		return
	}
	for i := range v.sys.Nodes {
		if i == was {
			continue
		}
		if standby, err := v.isStandby(ctx, i); err == nil && !standby {
			v.sys.primary.Store(int32(i))
			v.sys.tell("failover", "%s takes the writes now, as it was found; before it was %s", v.sys.Nodes[i].Name(), v.sys.Nodes[was].Name())
			return
		}
	}
}
