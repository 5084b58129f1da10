package storage

import (
	"sync"

	"github.com/lapse-test/lapse/quorumkv/record"
)

const (
	cacheShards = 64
	// cacheBytes bounds the cache of a store, and cachedRecord a record in it.
	cacheBytes   = 8 << 20
	cachedRecord = 16 << 10
	// cacheEntry is about what an entry takes beyond key and value.
	cacheEntry = 128
)

// cache has records as they are on disk, of keys that were asked for: what is found here was durable before. Entries are changed by who holds the key's stripe, and
// looked up by anybody: so a reader does not wait while a write of the key is being synced, and finds what was there before.
type cache [cacheShards]cacheShard

// cacheShard is the part of a cache that has the keys of some hashes.
type cacheShard struct {
	mu   sync.Mutex
	m    map[string]record.Record
	size int
}

// drop forgets a key. The caller holds mu.
func (s *cacheShard) drop(key string) {
	if old, ok := s.m[key]; ok {
		s.size -= size(key, old)
		delete(s.m, key)
	}
}

func size(key string, r record.Record) int { return len(key) + len(r.Value) + cacheEntry }

// get is the record of a key whose hash is that; a zero one that none is there.
func (c *cache) get(hash uint64, key string) (record.Record, bool) {
	s := &c[hash%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.m[key]
	return r, ok
}

// put keeps what is now on disk. The caller holds the key's stripe.
func (c *cache) put(hash uint64, key string, r record.Record) {
	s := &c[hash%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(key)
	if len(r.Value) > cachedRecord {
		return
	}
	if s.m == nil {
		s.m = map[string]record.Record{}
	}
	for k := range s.m { // in no order: as good a choice as any that costs nothing
		if s.size+size(key, r) <= cacheBytes/cacheShards {
			break
		}
		s.drop(k)
	}
	s.m[key] = r
	s.size += size(key, r)
}

// drop forgets a key. The caller holds its stripe.
func (c *cache) drop(hash uint64, key string) {
	s := &c[hash%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(key)
}

// Cached is what Get would return, if that is known without the disk and without waiting for a write of the key; what is on disk before such a write then.
func (s *Store) Cached(key string) (record.Record, bool) {
	if s.unsynced.used.Load() {
		return record.Record{}, false
	}
	return s.cache.get(s.hash(key), key)
}
