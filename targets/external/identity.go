package external

import (
	"fmt"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/targets/cluster"
)

// identities are which server answered at each node, in its own words.
type identities struct {
	mu sync.Mutex
	of []identity
}

type identity struct {
	words string
	// certain says that no two servers have it.
	certain bool
}

// Identify notes what the server at the node with this index says of itself and no other server
// can say, such as the number of a cluster's member: two addresses of one server are refused before
// Fit is asked. What says what id is. An id that is empty, or of zeros alone, is not known, and is
// compared with nothing. Meet calls it, or Resemble. It is safe for concurrent use.
func (s *Stay) Identify(node int, what, id string) { s.identities.note(node, what, id, true) }

// Resemble is Identify of what two servers may say, too, such as clones, or one server by two
// addresses that both belong there, such as those of two proxies: it is told, and nothing is refused.
func (s *Stay) Resemble(node int, what, id string) { s.identities.note(node, what, id, false) }

func (s *identities) note(node int, what, id string, certain bool) {
	if strings.Trim(id, "0-") == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.of) <= node {
		s.of = append(s.of, identity{})
	}
	s.of[node] = identity{what + " " + id, certain}
}

// distinct is an error if two addresses are one server's. If they may be, Lines says so.
func (s *Stay) distinct() error {
	s.identities.mu.Lock()
	defer s.identities.mu.Unlock()
	names, first := cluster.NodeNames(len(s.At)), map[identity]int{}
	for i, who := range s.identities.of {
		switch j, seen := first[who]; {
		case who == identity{}:
		case !seen:
			first[who] = i
		case who.certain:
			return Unfit("name each server once in --at", "%s and %s are one server (%s)", s.At[j], s.At[i], who.words)
		default:
			s.Lines = append(s.Lines, fmt.Sprintf("%s and %s may be one server (%s): then name it once in --at, unless what is to be tested are two proxies before it", names[j], names[i], who.words))
		}
	}
	return nil
}
