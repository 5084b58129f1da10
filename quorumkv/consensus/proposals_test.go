package consensus

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/peer"
)

// offers makes n proposals at a node, which are given to the library with its next turn.
func (s *sim) offers(name string, n, size int) []*proposal {
	var all []*proposal
	node := s.nodes[name]
	for i := range n {
		p := &proposal{id: node.e.requestName(), result: make(chan outcome, 1)}
		p.command = command{ID: p.id, Base: node.e.status.Load().Applied, Node: name, Key: fmt.Sprint("k", i), Value: []byte(strings.Repeat("v", size))}.marshal()
		node.l.propose(p)
		all = append(all, p)
	}
	return all
}

// calm loses nothing until all members follow one leader, and returns it.
func (s *sim) calm() (leader string) {
	s.t.Helper()
	for quiet := 0; quiet < 5; quiet++ {
		s.round()
		leader, _ = s.leader()
		for _, name := range s.members {
			if leader == "" || s.nodes[name].l.status.Leader != leader {
				quiet = 0
			}
		}
	}
	return leader
}

// What is proposed in one turn crosses each link in one message, as far as it fits, from a follower to the leader and from there to all.
func TestProposalsGoTogether(t *testing.T) {
	for _, c := range []struct {
		n, size, messages int // to each that they go to
	}{{50, 10, 1}, {10, 100 << 10, 5}, {3, 300 << 10, 3}} {
		s := newSim(t, 1, 1000, "n1", "n2", "n3")
		s.until("there is a leader", s.led)
		for _, name := range s.members {
			leader := s.calm()
			s.sent = 0
			all := s.offers(name, c.n, c.size)
			s.must(s.nodes[name].l.settle())
			to := 1
			if name == leader {
				to = 2
			}
			if s.sent != to*c.messages {
				t.Errorf("%d proposals of %d bytes at %s, where %s leads: %d messages, want %d", c.n, c.size, name, leader, s.sent, to*c.messages)
			}
			for _, f := range s.wire {
				if len(f.body) > peer.MaxMessage {
					t.Errorf("a message of %d bytes", len(f.body))
				}
			}
			s.until("all are answered", func() bool {
				for _, p := range all {
					if len(p.result) == 0 {
						return false
					}
				}
				return true
			})
		}
	}
}

// Nobody is left in doubt of a proposal that the library refused, or that was given up before it was given to it.
func TestProposalsThatGoNowhere(t *testing.T) {
	s := newSim(t, 1, 1000, "n1", "n2", "n3")
	l := s.nodes["n1"].l
	l.status.Leader = "n2" // of which the library has not heard
	all := s.offers("n1", 3, 10)
	for _, p := range all {
		if proposed, _ := p.state(); !proposed {
			t.Error("a proposal that was offered counts as not proposed")
		}
	}
	l.giveOffered()
	for _, p := range all {
		if p.abandon() {
			t.Error("a proposal that was dropped counts as proposed")
		}
	}
	l.repropose(true)
	if len(l.writes.offered) != 0 || len(l.writes.waiting) != 0 {
		t.Errorf("%d are offered and %d wait that nobody waits for", len(l.writes.offered), len(l.writes.waiting))
	}
}
