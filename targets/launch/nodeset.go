package launch

import "sync"

// NodeSet is a set of nodes, by their indexes. The zero value is empty; it is safe for
// concurrent use.
type NodeSet struct {
	mu sync.Mutex
	in map[int]bool
}

// Has says whether node i is in the set.
func (s *NodeSet) Has(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in[i]
}

// Put has node i in the set, or not.
func (s *NodeSet) Put(i int, in bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in == nil {
		s.in = map[int]bool{}
	}
	s.in[i] = in
}
