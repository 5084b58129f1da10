package singleleader

import (
	"sync"

	"github.com/lapse-test/lapse/quorumkv/record"
)

// records are the keys as of a place of the log. Anybody may call get; the rest is called by the node's loop alone.
type records struct {
	mu   sync.RWMutex
	keys map[string]record.Record
}

func newRecords() *records { return &records{keys: map[string]record.Record{}} }

func (r *records) get(key string) record.Record {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.keys[key]
}

// apply carries out the entries after a place.
func (r *records) apply(after uint64, entries []entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(after, entries)
}

// rebuild forgets all and carries out these entries from the first on.
func (r *records) rebuild(entries []entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = map[string]record.Record{}
	r.put(0, entries)
}

func (r *records) put(after uint64, entries []entry) {
	for i, e := range entries {
		if !e.Mark {
			r.keys[e.Key] = e.record(after + 1 + uint64(i))
		}
	}
}
