package external

import (
	"slices"
	"sync"
)

// identities are which server answered at each node, in its own words.
type identities struct {
	mu sync.Mutex
	of []string
}

// Identify notes what the server at the node with this index says of itself and no other server
// says, such as a member's number or when its process was started. Meet calls it: two addresses
// of one server are refused before Fit is asked. An empty identity is not known, and is compared
// with nothing. It is safe for concurrent use.
func (s *Stay) Identify(node int, identity string) {
	s.identities.mu.Lock()
	defer s.identities.mu.Unlock()
	for len(s.identities.of) <= node {
		s.identities.of = append(s.identities.of, "")
	}
	s.identities.of[node] = identity
}

// distinct is an error if two addresses are one server's.
func (s *Stay) distinct() error {
	s.identities.mu.Lock()
	defer s.identities.mu.Unlock()
	for i, identity := range s.identities.of {
		if first := slices.Index(s.identities.of, identity); identity != "" && first < i {
			return Unfit("name each server once in --at", "%s and %s are one server (%s)", s.At[first], s.At[i], identity)
		}
	}
	return nil
}
