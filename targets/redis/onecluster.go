package redis

import (
	"fmt"
	"slices"

	driver "github.com/redis/go-redis/v9"
)

// member is what a node at an address says of the cluster that it is in.
type member struct {
	addr string
	// id is its name there; "" in no cluster.
	id string
	// slots are who has which, as it sees it.
	slots []driver.ClusterSlot
}

// oneCluster is an error unless all members are of the first one's cluster. A primary
// without slots is of it too, though nobody has it among who has slots: what it sees is the same
// cluster's. After a failover two may see it otherwise, but never without a node in common.
func oneCluster(members []member) error {
	first := members[0]
	for _, m := range members {
		if m.id == "" {
			return fmt.Errorf("%s is in no cluster", m.addr)
		}
		if len(first.slots) > 0 && !haveNodeInCommon(first.slots, m.slots) {
			return fmt.Errorf("%s and %s are not of one cluster", first.addr, m.addr)
		}
	}
	return nil
}

func haveNodeInCommon(a, b []driver.ClusterSlot) bool {
	in := map[string]bool{}
	for _, r := range a {
		for _, n := range r.Nodes {
			in[n.ID] = true
		}
	}
	return slices.ContainsFunc(b, func(r driver.ClusterSlot) bool {
		return slices.ContainsFunc(r.Nodes, func(n driver.ClusterNode) bool { return in[n.ID] })
	})
}
