package cassandra

import (
	"context"
	"fmt"
	"time"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/targets/cluster"
)

// schemaTimeout bounds the time in which the nodes agree on a change of the schema.
const schemaTimeout = 60 * time.Second

// keyspaceName has the tables of a cluster that is ours alone.
const keyspaceName = "lapse"

// readyKeyspace has a replica on every node, where ours has not, so that a read at
// ALL asks them all.
const readyKeyspace = "lapse_ready"

// The columns of the tables; see statement.go.
const (
	dataColumns    = " (k text PRIMARY KEY, v bigint, l list<bigint>, s set<bigint>, never int)"
	counterColumns = " (k text PRIMARY KEY, c counter)"
)

// makeSchema makes the keyspaces and tables by the first node, one after the other,
// and waits once until all nodes have them.
func (s *System) makeSchema(ctx context.Context) error {
	table := fmt.Sprintf(" WITH read_repair = '%s' AND speculative_retry = '%s'", s.set.readRepair, s.set.speculative)
	list := []string{
		"CREATE KEYSPACE IF NOT EXISTS " + s.keyspace + " WITH replication = " + s.set.replication(s.set.rf),
		"CREATE TABLE IF NOT EXISTS " + s.keyspace + "." + dataTable + dataColumns + table,
		"CREATE TABLE IF NOT EXISTS " + s.keyspace + "." + counterTable + counterColumns + table,
	}
	if !s.set.everywhere() {
		list = append(list,
			"CREATE KEYSPACE IF NOT EXISTS "+readyKeyspace+" WITH replication = "+s.set.replication(0),
			"CREATE TABLE IF NOT EXISTS "+s.readyTable()+" (k text PRIMARY KEY, v bigint)")
	}
	// A node that has just begun to listen may not have heard of the other data centre.
	early, cancel := context.WithTimeout(ctx, schemaTimeout)
	defer cancel()
	if err := cluster.Await(early, "the first node to make the keyspace "+s.keyspace, func(ctx context.Context) error {
		return s.admin(ctx, 0, func(n *conn) error { return n.query(ctx, list[0]).Exec() })
	}); err != nil {
		return fmt.Errorf("making the schema: %w", err)
	}
	err := s.admin(ctx, 0, func(n *conn) error {
		for _, statement := range list[1:] {
			if err := n.query(ctx, statement).Exec(); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("making the schema: %w", err)
	}
	ctx, cancel = context.WithTimeout(ctx, schemaTimeout)
	defer cancel()
	return cluster.Await(ctx, "the nodes to agree on the schema", s.schemaAgreed)
}

// schemaAgreed returns nil when all nodes have the same schema, as the first one
// sees them.
func (s *System) schemaAgreed(ctx context.Context) error {
	return s.admin(ctx, 0, func(n *conn) error {
		var own, other gocql.UUID
		if err := n.query(ctx, "SELECT schema_version FROM system.local").Scan(&own); err != nil {
			return err
		}
		peers := n.query(ctx, "SELECT schema_version FROM system.peers_v2").Iter()
		differ, seen := 0, 1
		for peers.Scan(&other) {
			seen++
			if other != own {
				differ++
			}
		}
		if err := peers.Close(); err != nil {
			return err
		}
		if differ > 0 || seen < len(s.Nodes) {
			return fmt.Errorf("%d of %d nodes are seen, and %d have another schema", seen, len(s.Nodes), differ)
		}
		return nil
	})
}

// readyTable is a table with a replica on every node.
func (s *System) readyTable() string {
	if s.set.everywhere() {
		return s.keyspace + "." + dataTable
	}
	return readyKeyspace + ".beat"
}

// proveReady waits until a write and a read at ALL, for which every node is needed,
// went through each node: then every node sees every node.
func (s *System) proveReady(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, n := range s.Nodes {
		group.Go(func() error {
			return cluster.Await(ctx, n.Name()+" to write and read by all nodes", func(ctx context.Context) error {
				return s.alive(ctx, i, func(ctx context.Context) error { return s.beat(ctx, i) })
			})
		})
	}
	return group.Wait()
}

// beat writes and reads at ALL by node i.
func (s *System) beat(ctx context.Context, i int) error {
	key := "ready-" + s.Nodes[i].Name() // no key of a workload
	return s.admin(ctx, i, func(n *conn) error {
		if err := n.query(ctx, "UPDATE "+s.readyTable()+" SET v = ? WHERE k = ?", int64(1), key).Consistency(gocql.All).Exec(); err != nil {
			return fmt.Errorf("writing at ALL: %w", err)
		}
		var v int64
		if err := n.query(ctx, "SELECT v FROM "+s.readyTable()+" WHERE k = ?", key).Consistency(gocql.All).Scan(&v); err != nil {
			return fmt.Errorf("reading at ALL: %w", err)
		}
		return nil
	})
}
