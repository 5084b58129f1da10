package redis

import (
	"context"
	"fmt"
	"strconv"

	"github.com/lapse-test/lapse/targets/cluster"
)

// formCluster makes one cluster of empty servers: the first half of the nodes share
// the slots, each node of the second half replicates one of them. It is what
// redis-cli --cluster create does, without a program that may not be there.
func (s *System) formCluster(ctx context.Context) error {
	n := s.set.primaries()
	for i := range n {
		from, to := i*slotCount/n, (i+1)*slotCount/n-1
		if err := s.admin[i].client.ClusterAddSlotsRange(ctx, from, to).Err(); err != nil {
			return fmt.Errorf("giving slots to %s: %w", s.Nodes[i].Name(), err)
		}
		// Different epochs settle who owns what should two nodes ever claim a slot.
		if err := s.admin[i].client.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
			return fmt.Errorf("setting the epoch of %s: %w", s.Nodes[i].Name(), err)
		}
	}
	for i := 1; i < len(s.Nodes); i++ {
		if err := s.admin[i].client.ClusterMeet(ctx, s.Nodes[0].Address(), strconv.Itoa(port)).Err(); err != nil {
			return fmt.Errorf("having %s meet the others: %w", s.Nodes[i].Name(), err)
		}
	}
	err := s.Await(ctx, "to know all others", func(ctx context.Context, i int) error { return s.knows(ctx, i) })
	if err != nil {
		return err
	}
	for i := n; i < len(s.Nodes); i++ {
		id, err := s.admin[i-n].client.ClusterMyID(ctx).Result()
		if err != nil {
			return fmt.Errorf("asking %s for its name: %w", s.Nodes[i-n].Name(), err)
		}
		err = cluster.Await(ctx, s.Nodes[i].Name()+" to become a replica", func(ctx context.Context) error {
			return s.admin[i].client.ClusterReplicate(ctx, id).Err()
		})
		if err != nil {
			return err
		}
	}
	return s.Await(ctx, "to know all replicas", func(ctx context.Context, i int) error {
		m, err := s.admin[i].slots(ctx, s.index)
		if err != nil {
			return fmt.Errorf("asking for the slots: %w", err)
		}
		for _, r := range m.ranges {
			if len(r.nodes) != 1+s.set.replicas() {
				return fmt.Errorf("it knows %d of %d nodes of the slots from %d", len(r.nodes), 1+s.set.replicas(), r.from)
			}
		}
		return nil
	})
}

// knows returns nil when node i knows as many nodes as there are.
func (s *System) knows(ctx context.Context, i int) error {
	text, err := s.admin[i].client.ClusterInfo(ctx).Result()
	if err != nil {
		return fmt.Errorf("asking about the cluster: %w", err)
	}
	if known := fields(text)["cluster_known_nodes"]; known != strconv.Itoa(len(s.Nodes)) {
		return fmt.Errorf("it knows %s of %d nodes", known, len(s.Nodes))
	}
	return nil
}

// clusterServes returns nil when node i says that all slots are served, and sees the
// primary of every slot as one of our nodes.
func (s *store) clusterServes(ctx context.Context, i int) error {
	text, err := s.admin[i].client.ClusterInfo(ctx).Result()
	if err != nil {
		return fmt.Errorf("asking about the cluster: %w", err)
	}
	info := fields(text)
	if info["cluster_state"] != "ok" || info["cluster_slots_ok"] != strconv.Itoa(slotCount) {
		return fmt.Errorf("the cluster is %s, %s of %d slots are served", info["cluster_state"], info["cluster_slots_ok"], slotCount)
	}
	return nil
}
