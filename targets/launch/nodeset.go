package launch

import "sync"

// NodeSet is a set of nodes, by their indexes. The zero value is empty; it is safe for
// concurrent use.
type NodeSet struct {
	mu    sync.Mutex
	in    map[int]bool
	times map[int]int
}

// Has says whether node i is in the set.
func (s *NodeSet) Has(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in[i]
}

// Times is how often node i was put into the set, be it that it was there. Where the set is of members that were taken out,
// that tells their lives apart.
func (s *NodeSet) Times(i int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times[i]
}

// Put has node i in the set, or not.
func (s *NodeSet) Put(i int, in bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in == nil {
		s.in, s.times = map[int]bool{}, map[int]int{}
	}
	if in {
		s.times[i]++
	}
	s.in[i] = in
}
