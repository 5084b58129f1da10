package redis

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/wire"
)

// store is the servers that a run uses, whoever started them. It is safe for
// concurrent use once it is made.
type store struct {
	set   settings
	keys  keys
	nodes []wire.Access
	// admin are connections of the harness's own, one a node, which go-redis makes
	// again when they are lost.
	admin []*link
	index indexer
	// primary is the primary where there is one. Where a Sentinel decides it changes.
	primary atomic.Int32
	// checks says that a session that reads from the primary alone asks each server that
	// it connects with whether it is one: what was a primary is a replica after a failover.
	checks bool
}

// ranked are the nodes of a primary with replicas, which hold every key: the primary first.
func (s *store) ranked() []int {
	primary := int(s.primary.Load())
	all := append(make([]int, 0, len(s.nodes)), primary)
	for i := range s.nodes {
		if i != primary {
			all = append(all, i)
		}
	}
	return all
}

// byAddress finds a node by the address that its server says of itself.
func byAddress(addrs []string) indexer {
	return func(n driver.ClusterNode) int {
		for i, addr := range addrs {
			if addr == n.Addr {
				return i
			}
		}
		return -1
	}
}

// add adds a node.
func (s *store) add(a wire.Access) {
	s.nodes = append(s.nodes, a)
	s.admin = append(s.admin, adminLink(a))
}

// close ends the harness's own connections.
func (s *store) close() {
	for _, l := range s.admin {
		l.close()
	}
}

// slotsTimeout is for one node's map, where others may be asked for theirs: one that is cut off does not use up their time.
const slotsTimeout = time.Second

// slots is the map of the first node that answers.
func (s *store) slots(ctx context.Context) (slotMap, error) {
	err := fmt.Errorf("no node answers")
	for _, l := range s.admin {
		var m slotMap
		once, cancel := context.WithTimeout(ctx, slotsTimeout)
		m, err = l.slots(once, s.index)
		cancel()
		if err == nil {
			return m, nil
		}
	}
	return slotMap{}, fmt.Errorf("asking for the slots: %w", err)
}

// owners are the nodes that have key, the primary first; none if nobody serves it.
func (s *store) owners(ctx context.Context, key string) ([]int, error) {
	if s.set.cluster {
		m, err := s.slots(ctx)
		return m.owners(slotOf(key)), err
	}
	return s.ranked(), nil
}

// readyKey is written to see whether a node serves: no key of a workload.
const readyKey = "lapse-ready"

// serves returns nil when node i takes part: a primary that wrote and read, or a
// replica that is in sync with its primary; in a cluster of which all slots are served.
func (s *store) serves(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, max(s.set.timeout, time.Second))
	defer cancel()
	info, err := s.admin[i].info(ctx)
	if err != nil {
		return err
	}
	if s.set.cluster {
		if err := s.clusterServes(ctx, i); err != nil {
			return err
		}
	}
	if info["role"] == "slave" {
		if info["master_link_status"] != "up" || info["master_sync_in_progress"] != "0" {
			return fmt.Errorf("the replica's link to its primary is %s", info["master_link_status"])
		}
		return nil
	}
	key, err := s.readyKey(ctx, i)
	if err != nil || key == "" {
		return err
	}
	return s.admin[i].prove(ctx, key)
}

// readyKey is a key of which primary i has the slot, "" if it has no slot: a node that
// was a replica's replaced primary has nothing to write.
func (s *store) readyKey(ctx context.Context, i int) (string, error) {
	if !s.set.cluster {
		return string(s.keys) + readyKey, nil
	}
	m, err := s.admin[i].slots(ctx, s.index)
	if err != nil {
		return "", fmt.Errorf("asking for the slots: %w", err)
	}
	// Each of the ranges of a cluster has one of these, be there fifty primaries.
	for n := range 1000 {
		key := fmt.Sprintf("%s%s{%d}", s.keys, readyKey, n)
		if owners := m.owners(slotOf(key)); len(owners) > 0 && owners[0] == i {
			return key, nil
		}
	}
	return "", nil
}

// replicas are the nodes that have a key of a workload, the primary first.
func (s *store) replicas(ctx context.Context, key history.Key) ([]int, error) {
	return s.owners(ctx, key.String())
}
