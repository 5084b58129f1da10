package redis

import (
	"context"
	"strings"

	driver "github.com/redis/go-redis/v9"
)

// slotCount is the number of a cluster's hash slots.
const slotCount = 16384

// slotOf is the hash slot of a key: CRC16 (XMODEM) of what is between the first { and
// the next }, if there is anything, else of the whole ("Redis cluster specification:
// hash tags").
func slotOf(key string) int {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			key = tag
		}
	}
	crc := uint16(0)
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % slotCount
}

// slotMap says which nodes own which slots, as one node sees it. It does not change.
type slotMap struct{ ranges []slotRange }

type slotRange struct {
	from, to int
	// nodes are indexes, the primary first.
	nodes []int
}

// owners are the nodes of a slot, the primary first; none if nobody serves it.
func (m slotMap) owners(slot int) []int {
	for _, r := range m.ranges {
		if r.from <= slot && slot <= r.to {
			return r.nodes
		}
	}
	return nil
}

// slots asks the node of l; index says which of ours a node is, -1 for none.
func (l *link) slots(ctx context.Context, index indexer) (slotMap, error) {
	said, err := l.client.ClusterSlots(ctx).Result() //nolint:staticcheck // deprecated since Redis 7, and what go-redis' own cluster client goes by
	if err != nil {
		return slotMap{}, err
	}
	return mapOf(said, index), nil
}

// indexer says which of our nodes one is that a cluster tells of, -1 for none.
type indexer func(driver.ClusterNode) int

func mapOf(said []driver.ClusterSlot, index indexer) slotMap {
	var m slotMap
	for _, r := range said {
		var nodes []int
		for _, n := range r.Nodes {
			if i := index(n); i >= 0 {
				nodes = append(nodes, i)
			}
		}
		if len(nodes) > 0 {
			m.ranges = append(m.ranges, slotRange{r.Start, r.End, nodes})
		}
	}
	return m
}
