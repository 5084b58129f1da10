package quorumkv

import (
	"cmp"
	"slices"
	"sync"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/engine"
)

// kept is what clients have put into the store under one name, and by what it is removed.
type kept struct {
	tenant string // empty for none
	key    string
	typ    engine.Type // a counter, a set or a map; empty for a value
}

// keySet is a set of what is in the store, safe for concurrent use; nil keeps none.
type keySet struct {
	mu   sync.RWMutex
	keys map[kept]bool
}

func newKeySet() *keySet { return &keySet{keys: map[kept]bool{}} }

func (s *keySet) add(k kept) {
	if s == nil {
		return
	}
	s.mu.RLock()
	known := s.keys[k]
	s.mu.RUnlock()
	if known {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[k] = true
}

func (s *keySet) remove(k kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, k)
}

func (s *keySet) all() []kept {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]kept, 0, len(s.keys))
	for k := range s.keys {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b kept) int {
		return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.key, b.key), cmp.Compare(a.typ, b.typ))
	})
	return out
}

// wrote notes what an operation that is about to be sent may write; one that writes nothing is not noted.
func (s *System) wrote(m *history.Mop) {
	if s.written == nil || !m.Func.Writes() {
		return
	}
	tenant, key := s.name(m.Key)
	s.written.add(kept{tenant, key, s.typeOf(m.Func)})
	if m.Func == history.Transfer {
		_, to := s.name(history.Key(m.Arg))
		s.written.add(kept{tenant, to, ""})
	}
}

// typeOf is as what the store keeps what a write puts into it.
func (s *System) typeOf(f history.Func) engine.Type {
	switch {
	case s.cfg.Fields > 0:
		return engine.Map
	case s.keepsSiblings():
		return "" // the client merges values
	case f == history.Add || f == history.Remove:
		return engine.Set
	case f == history.Increment:
		return engine.Counter
	}
	return ""
}
