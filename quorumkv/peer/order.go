package peer

import (
	"sync"
	"sync/atomic"
)

// order is the defect answers-in-order: the numbers of a peer's requests in the order in which they came, from which each answer takes the oldest.
type order struct {
	used atomic.Bool // not empty: lets the ordinary path skip the lock
	mu   sync.Mutex
	ids  []uint64
}

// asked notes a request that is about to be carried out.
func (o *order) asked(id uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids = append(o.ids, id)
	o.used.Store(true)
}

// due is the number that the answer to the request id gets: its own, unless the defect is on or was when requests came that have no answer yet.
func (o *order) due(id uint64) uint64 {
	if !o.used.Load() {
		return id
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.ids) > 0 {
		id, o.ids = o.ids[0], o.ids[1:]
	}
	o.used.Store(len(o.ids) > 0)
	return id
}
