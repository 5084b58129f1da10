package quorumkv

import (
	"slices"
	"sync"
)

// keySet is a set of keys, safe for concurrent use; nil keeps none.
type keySet struct {
	mu   sync.RWMutex
	keys map[string]bool
}

func newKeySet() *keySet { return &keySet{keys: map[string]bool{}} }

func (s *keySet) add(key string) {
	if s == nil {
		return
	}
	s.mu.RLock()
	known := s.keys[key]
	s.mu.RUnlock()
	if known {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[key] = true
}

func (s *keySet) remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, key)
}

func (s *keySet) all() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []string
	for k := range s.keys {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
