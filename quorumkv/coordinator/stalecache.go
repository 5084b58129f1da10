package coordinator

import (
	"sync"
	"time"
)

const (
	staleFor     = 2 * time.Second
	staleEntries = 10_000
)

// staleCache is the defect stale-cache: it remembers what reads returned and never hears of writes.
type staleCache struct {
	mu sync.Mutex
	m  map[string]staleEntry
}

type staleEntry struct {
	res ReadResult
	at  time.Time
}

func (s *staleCache) get(key string) (ReadResult, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.m[key]
	if !ok || time.Since(e.at) > staleFor {
		delete(s.m, key)
		return ReadResult{}, false
	}
	return e.res, true
}

func (s *staleCache) put(key string, res ReadResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil || len(s.m) >= staleEntries {
		s.m = make(map[string]staleEntry)
	}
	s.m[key] = staleEntry{res, time.Now()}
}
