package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/cgroup"
	"github.com/lapse-test/lapse/targets/cluster/proc"
)

// throttles says why no share of the processors can be had on this machine, nil if it can. It tries.
func throttles() error {
	h, err := cgroup.Find()
	if err != nil {
		return err
	}
	name, err := groupName("try")
	if err != nil {
		return err
	}
	return h.Try(name)
}

// throttle is the control group of a node's processes, while there is one.
type throttle struct {
	mu     sync.Mutex
	group  *cgroup.Group // nil for none
	forget func()
	// ran is how long each had run when it was taken.
	ran map[int]time.Duration
}

// Throttle implements cluster.Throttler.
func (n *node) Throttle(ctx context.Context, share float64) error {
	n.throttle.mu.Lock()
	defer n.throttle.mu.Unlock()
	if err := n.bound(ctx, share); err != nil {
		return fmt.Errorf("throttling %s: %w", n.name, err)
	}
	return nil
}

// bound is Throttle with the lock held.
func (n *node) bound(ctx context.Context, share float64) error {
	t := &n.throttle
	if t.group == nil {
		if err := t.make(n.name); err != nil {
			return err
		}
	}
	if err := t.group.Bound(share); err != nil {
		return err
	}
	return n.ns.Hold(func() error {
		// One that is being forked can be missed by one look.
		for calm := 0; calm < 2; calm++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			outside, err := t.outside(n)
			if err != nil {
				return err
			}
			for _, pid := range outside {
				if ran, err := proc.Ran(pid); err == nil {
					t.ran[pid] = ran
				}
				if err := t.group.Take(pid); err != nil {
					return err
				}
				calm = -1
			}
		}
		return nil
	})
}

// make makes the group, which is removed with the sandbox if nobody removes it before.
func (t *throttle) make(name string) error {
	h, err := cgroup.Find()
	if err != nil {
		return err
	}
	name, err = groupName(name)
	if err != nil {
		return err
	}
	g, err := h.Make(name)
	if err != nil {
		return err
	}
	forget, err := removeOnEnd(g.Dir())
	if err != nil {
		return errors.Join(err, g.RemoveEmpty())
	}
	t.group, t.forget, t.ran = g, forget, map[int]time.Duration{}
	return nil
}

// outside are the node's processes that are not in its group; the namespace is held.
func (t *throttle) outside(n *node) ([]int, error) {
	all, err := proc.NetworkNamespace(n.ns.Inode()).All()
	if err != nil {
		return nil, err
	}
	in, err := t.group.Members()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(pid int) bool { return slices.Contains(in, pid) || !living(pid) }), nil
}

func living(pid int) bool {
	st, err := proc.ReadStat(pid)
	return err == nil && st.State != 'Z' && st.State != 'X'
}

// Unthrottle implements cluster.Throttler.
func (n *node) Unthrottle(ctx context.Context) error {
	n.throttle.mu.Lock()
	defer n.throttle.mu.Unlock()
	t := &n.throttle
	if t.group == nil {
		return nil
	}
	if err := t.group.Remove(ctx); err != nil {
		return fmt.Errorf("throttling %s no more: %w", n.name, err)
	}
	t.forget()
	t.group = nil
	return nil
}

// Throttling implements cluster.Throttler.
func (n *node) Throttling() (out cluster.Throttling, err error) {
	n.throttle.mu.Lock()
	defer n.throttle.mu.Unlock()
	t := &n.throttle
	if t.group == nil {
		return out, nil
	}
	err = n.ns.Hold(func() error {
		outside, err := t.outside(n)
		if err != nil {
			return err
		}
		out.Outside = len(outside)
		if out.Share, err = t.group.Share(); err != nil {
			return err
		}
		if out.Periods, out.Throttled, out.Waited, err = t.group.Stat(); err != nil {
			return err
		}
		members, err := t.group.Members()
		for _, pid := range members {
			ran, gone := proc.Ran(pid)
			if gone == nil {
				out.Used += ran - t.ran[pid]
			} else if !errors.Is(gone, os.ErrNotExist) {
				return gone
			}
		}
		return err
	})
	if err != nil {
		return out, fmt.Errorf("asking how %s is throttled: %w", n.name, err)
	}
	return out, nil
}
