package postgres

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/launch"
)

// The values of the option topology.
const (
	topologyStreaming   = "streaming"
	topologyMultiLeader = "multi-leader"
)

// leaderCombination refuses what several leaders have not.
func (s settings) leaderCombination() error {
	wrong := func(what string) error {
		return targets.Usagef("%s with --set %s=%s: every node takes writes, and none waits for another; leave it out", what, optTopology, topologyMultiLeader)
	}
	switch {
	case !s.multiLeader:
		return nil
	case s.nodes == 1:
		return targets.Usagef("--set %s=%s: there is no other leader with --nodes 1; use more nodes", optTopology, topologyMultiLeader)
	case s.read != readAny:
		return targets.Usagef("--read-level %s with --set %s=%s: a session reads and writes at its own node; use --read-level %s", s.read, optTopology, topologyMultiLeader, readAny)
	case s.failover != failoverOff:
		return wrong("--set failover=" + s.failover)
	case s.sync.count > 0:
		return wrong("--set sync=" + s.sync.String())
	case s.applyDelay > 0:
		return wrong("--set apply-delay=" + s.applyDelay.String())
	}
	return nil
}

// leaderSettings come after fixedSettings, and the last word counts.
func leaderSettings() []setting {
	return []setting{
		{"wal_level", "logical"},
		{"max_logical_replication_workers", "16"},
		{"max_worker_processes", "24"},
	}
}

// follows returns the node that a node follows: the primary, and among several leaders nobody but itself.
func (s *System) follows(node int) int {
	if s.set.multiLeader {
		return node
	}
	return s.primaryIndex()
}

// makeLeaders makes the schema on every node, and has each subscribe to what the others
// wrote themselves (origin=none, so that nothing goes in a circle). Nothing resolves a
// conflict: PostgreSQL's logical replication applies an update whatever the row has become, and
// stops at an insert of a key that is there.
func (s *System) makeLeaders(ctx context.Context) error {
	s.everyPrimary.Store(true)
	err := s.Await(ctx, "to take writes", func(ctx context.Context, i int) error {
		return s.admin(ctx, i, func(*conn) error { return nil })
	})
	if err != nil {
		return err
	}
	for i := range s.Nodes {
		err := s.admin(ctx, i, func(c *conn) error {
			if err := s.makeSchema(ctx, c); err != nil {
				return err
			}
			return execute(ctx, c.pg, `CREATE PUBLICATION lapse FOR TABLES IN SCHEMA `+s.schema)
		})
		if err != nil {
			return err
		}
	}
	for i := range s.Nodes {
		if err := s.subscribe(ctx, i); err != nil {
			return err
		}
	}
	return s.makeProbe(ctx)
}

// subscribe has a node receive what every other one writes.
func (s *System) subscribe(ctx context.Context, node int) error {
	return s.admin(ctx, node, func(c *conn) error {
		for j, other := range s.Nodes {
			if j == node {
				continue
			}
			conninfo, err := s.conninfo(node, j)
			if err != nil {
				return err
			}
			sql := fmt.Sprintf(`CREATE SUBSCRIPTION to_%s CONNECTION %s PUBLICATION lapse WITH (copy_data = false, origin = none, slot_name = 'lapse_%s')`,
				other.Name(), quote(conninfo+" dbname="+database), s.Nodes[node].Name())
			if err := execute(ctx, c.pg, sql); err != nil {
				return fmt.Errorf("subscribing to %s: %w", other.Name(), err)
			}
		}
		return nil
	})
}

// subscriptionLook is between two looks.
const subscriptionLook = time.Second

const sqlSubscriptions = `SELECT s.subname::text, s.subenabled, st.apply_error_count
  FROM pg_subscription s JOIN pg_stat_subscription_stats st ON st.subid = s.oid ORDER BY 1`

// watchSubscriptions looks after the subscriptions until stop: one that has met an error is
// tried again and again, and goes on counting as enabled.
func (s *System) watchSubscriptions() (stop func()) {
	told := make([]map[string]bool, len(s.Nodes))
	for i := range told {
		told[i] = map[string]bool{}
	}
	return launch.Every(subscriptionLook, func(ctx context.Context) {
		var all sync.WaitGroup
		for i := range s.Nodes {
			all.Go(func() { s.lookAtSubscriptions(ctx, i, told[i]) })
		}
		all.Wait()
	})
}

// lookAtSubscriptions tells, once for each, of the subscriptions of a node that fail.
func (s *System) lookAtSubscriptions(ctx context.Context, node int, told map[string]bool) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := s.admin(ctx, node, func(c *conn) error {
		failing, err := failingSubscriptions(ctx, c)
		for name, text := range failing {
			if !told[name] {
				told[name] = true
				s.Tell("replication", "%s: %s", s.Nodes[node].Name(), text)
			}
		}
		return err
	})
	if err != nil {
		s.Logger.Debug("looking at subscriptions", "error", err)
	}
}

// failingSubscriptions are those of the node behind c that have met an error, with what is
// to be told of each.
func failingSubscriptions(ctx context.Context, c *conn) (map[string]string, error) {
	rows, err := c.pg.Query(ctx, sqlSubscriptions)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name string
		var enabled bool
		var failed int64
		if err := rows.Scan(&name, &enabled, &failed); err != nil {
			return nil, err
		}
		if failed > 0 {
			out[name] = "the subscription " + name + " has stopped at an error, is tried again and again (" + strconv.FormatInt(failed, 10) + " times so far) and counts as enabled: " + strconv.FormatBool(enabled)
		}
	}
	return out, rows.Err()
}
