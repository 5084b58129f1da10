package storage

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/lapse-test/lapse/quorumkv/record"
)

// buffer holds records in memory only: the defect forget-unsynced. While it is on, writes are acknowledged from
// here, reads see them, and a kill forgets them.
type buffer struct {
	used atomic.Bool // on, or not empty: lets the ordinary path skip the lock
	mu   sync.Mutex
	on   bool
	m    map[string]record.Record
}

func (b *buffer) get(key string) (record.Record, bool) {
	if !b.used.Load() {
		return record.Record{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.m[key]
	return r, ok
}

// put takes r and reports true when the buffer is on. The caller holds the key's stripe.
func (b *buffer) put(key string, r record.Record) bool {
	if !b.used.Load() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.on {
		delete(b.m, key) // a flush is under way; what it has not reached yet is older than r
		return false
	}
	if b.m == nil {
		b.m = make(map[string]record.Record)
	}
	b.m[key] = r
	return true
}

func (b *buffer) keys() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := make([]string, 0, len(b.m))
	for k := range b.m {
		keys = append(keys, k)
	}
	return keys
}

// SetForget switches the defect forget-unsynced: while on, Apply keeps records in memory only. Off writes them to
// disk before it returns. The caller flushes now and then by Flush, as a real system with this defect would.
func (s *Store) SetForget(on bool) error {
	b := &s.unsynced
	b.mu.Lock()
	was := b.on
	b.on = on
	if on {
		b.used.Store(true)
	}
	b.mu.Unlock()
	if was && !on {
		return s.Flush()
	}
	return nil
}

// Flush writes to disk what the defect forget-unsynced has kept in memory until now.
func (s *Store) Flush() error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	for _, key := range s.unsynced.keys() {
		if err := s.flushKey(key); err != nil {
			return err
		}
	}
	b := &s.unsynced
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.on && len(b.m) == 0 {
		b.used.Store(false)
	}
	return nil
}

func (s *Store) flushKey(key string) error {
	mu := s.stripe(key)
	mu.Lock()
	defer mu.Unlock()
	r, ok := s.unsynced.get(key)
	if !ok {
		return nil
	}
	if err := s.db.Set(recordKey(key), r.AppendTo(nil), s.write); err != nil {
		return fmt.Errorf("flush %q: %w", key, err)
	}
	s.cache.drop(s.hash(key), key)
	b := &s.unsynced
	b.mu.Lock()
	delete(b.m, key)
	b.mu.Unlock()
	return nil
}
