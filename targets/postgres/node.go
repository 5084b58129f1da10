package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Restart implements targets.System: a killed standby, or a primary that is still
// one, goes on with its data. A former primary is made a standby anew, which
// waits, until ctx is done, for the primary and the network between the two.
func (s *System) Restart(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	start := func(ctx context.Context) error {
		s.roles.Lock()
		defer s.roles.Unlock()
		if s.Nodes[node].State() != cluster.Stopped {
			return nil // the failover manager has done it
		}
		if s.manager != nil {
			return s.manager.restart(ctx, node)
		}
		if s.rebuild[node] {
			return s.rebuildStandby(ctx, node)
		}
		if err := s.configure(node, s.follows(node)); err != nil {
			return err
		}
		if err := s.launch(ctx, node); err != nil {
			return err
		}
		return s.startPooler(node)
	}
	if s.Kept(name) { // somebody else may be at it, and make a failure good
		err = cluster.Await(ctx, name+" to be started again", start)
	} else {
		err = start(ctx)
	}
	if err != nil {
		return fmt.Errorf("starting %s again: %w", name, err)
	}
	if !s.held.Has(node) {
		return nil
	}
	return cluster.Await(ctx, name+" to be held back again", func(ctx context.Context) error { return s.HoldReplica(ctx, name) })
}

// Kept implements ability.Kept.
func (s *System) Kept(string) bool { return s.set.failover != failoverOff }

// Ready implements targets.System. A primary is ready when it writes; a standby
// when it receives the log from the primary and has replayed what was written
// before the call, unless it is held back.
func (s *System) Ready(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	if err := s.Alive(node); err != nil {
		return err
	}
	if err := s.poolerServes(ctx, node); err != nil {
		return err
	}
	primary := s.follows(node)
	if node == primary {
		return s.admin(ctx, node, func(c *conn) error {
			if c.standby() {
				return errNotPrimary
			}
			// A row of its own: leaders must not get in each other's way.
			return execute(ctx, c.pg, `INSERT INTO probe AS p VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET value = p.value + 1`, int32(node+1))
		})
	}
	goal, err := s.standing(ctx, primary)
	if err != nil {
		return fmt.Errorf("%s follows %s: %w", name, s.Nodes[primary].Name(), err)
	}
	held := s.held.Has(node) || s.applyDelay() > 0
	return s.admin(ctx, node, func(c *conn) error {
		ctx, cancel := context.WithTimeout(ctx, readyPatience)
		defer cancel()
		for {
			st, err := askStanding(ctx, c)
			switch {
			case err != nil:
				return err
			case !st.standby:
				return errors.New("it is no standby of " + s.Nodes[primary].Name())
			case !st.receiving:
				return errors.New("it does not receive the log from " + s.Nodes[primary].Name())
			case held || st.replayed >= goal.position:
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("it has replayed up to %v of %v", st.replayed, goal.position)
			case <-time.After(replayPoll):
			}
		}
	})
}

// readyPatience bounds the time for which one call of Ready lets a standby catch up.
const readyPatience = time.Second

// HoldReplica implements ability.Lagger: the standby stops replaying the log, and
// goes on receiving it as long as it keeps its connection to the primary: once that is
// lost, there is no WAL receiver until replay goes on. Promotion and ReleaseReplica end
// that.
func (s *System) HoldReplica(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	if node == s.primaryIndex() {
		return fmt.Errorf("holding %s back: it is the primary", name)
	}
	err = s.admin(ctx, node, func(c *conn) error {
		if err := execute(ctx, c.pg, `SELECT pg_wal_replay_pause()`); err != nil {
			return err
		}
		return cluster.Await(ctx, "replay to pause", func(ctx context.Context) error {
			var state string
			if err := c.pg.QueryRow(ctx, `SELECT pg_get_wal_replay_pause_state()`).Scan(&state); err != nil {
				return err
			}
			if state != "paused" {
				return errors.New(state)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("holding %s back: %w", name, err)
	}
	s.held.Put(node, true)
	return nil
}

// ReleaseReplica implements ability.Lagger. A node that was promoted meanwhile is
// released already.
func (s *System) ReleaseReplica(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	s.held.Put(node, false)
	err = s.admin(ctx, node, func(c *conn) error {
		if !c.standby() {
			return nil
		}
		return execute(ctx, c.pg, `SELECT pg_wal_replay_resume()`)
	})
	if err != nil {
		return fmt.Errorf("letting %s catch up: %w", name, err)
	}
	return nil
}

// ReplicaHeld implements ability.HoldChecker: the standby itself is asked. A
// primary is not held back.
func (s *System) ReplicaHeld(ctx context.Context, name string) (bool, error) {
	node, err := s.Index(name)
	if err != nil {
		return false, err
	}
	var held bool
	err = s.admin(ctx, node, func(c *conn) error {
		if !c.standby() {
			return nil
		}
		return c.pg.QueryRow(ctx, `SELECT pg_is_wal_replay_paused()`).Scan(&held)
	})
	if err != nil {
		return false, fmt.Errorf("asking %s whether it is held back: %w", name, err)
	}
	return held, nil
}
