package nemesis

import (
	"sync"

	"github.com/lapse-test/lapse/targets/cluster"
)

// ledger is what faults that overlap must know of each other, so that none
// undoes, or is misled by, another one.
//
// A link stays cut until the last fault that cut it is healed. A node's process
// belongs to one fault at a time: a second one that would kill or pause it is
// skipped and reported as such, because stopping what is stopped has no effect
// and starting it again would end the other fault early. The same holds for a
// node's clock and its replication. A fault that needs a node's process (such as a
// moved clock) is not put on one that another fault has taken away.
type ledger struct {
	mu   sync.Mutex
	cuts map[cluster.Link]int
	held map[claim]string
	// open counts faults that were aimed and are not over yet.
	open int
	// waking are nodes whose processes a fault that is healed had taken, and that
	// were not seen to be in service since.
	waking map[string]int
}

// claim is what a fault needs for itself: the process, clock or replication of
// a node.
type claim struct{ what, node string }

// claimsOf are those of what of each of these nodes.
func claimsOf(what string, nodes ...string) []claim {
	var out []claim
	for _, n := range nodes {
		out = append(out, claim{what, n})
	}
	return out
}

func newLedger() *ledger {
	return &ledger{cuts: map[cluster.Link]int{}, held: map[claim]string{}, waking: map[string]int{}}
}

// claiming is the claims of a kind whose steps need what of each of their nodes.
func claiming(what string) func(nodes []string, s *Step) []claim {
	return func(_ []string, s *Step) []claim { return claimsOf(what, s.Nodes...) }
}

// hold takes all claims for the fault called who, or none of them; then it says whose one of them is.
func (l *ledger) hold(who string, claims []claim) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range claims {
		if err := l.taken(c); err != nil {
			return err
		}
	}
	for _, c := range claims {
		l.held[c] = who
	}
	return nil
}

// free returns nil if no fault has what of these nodes, and else says which has.
func (l *ledger) free(what string, nodes ...string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range claimsOf(what, nodes...) {
		if err := l.taken(c); err != nil {
			return err
		}
	}
	return nil
}

// taken says which fault has c, nil if none has; l.mu is held.
func (l *ledger) taken(c claim) error {
	if by, taken := l.held[c]; taken {
		return skip("the %s of %s is in the hands of another fault (%s)", c.what, c.node, by)
	}
	return nil
}

// drop gives claims back.
func (l *ledger) drop(claims []claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range claims {
		delete(l.held, c)
	}
}

// begin counts one more fault that is under way.
func (l *ledger) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
}

// end counts one fault less.
func (l *ledger) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}

// others tells whether any fault is under way; one that asks while it is aimed does
// not count yet.
func (l *ledger) others() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open > 0
}

// alone tells whether there is one fault under way at most.
func (l *ledger) alone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open <= 1
}

// wake notes (by 1) that nodes run again and are yet to be seen in service, or (by
// -1) that the time for that is over.
func (l *ledger) wake(nodes []string, by int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range nodes {
		if l.waking[n] += by; l.waking[n] <= 0 {
			delete(l.waking, n)
		}
	}
}

// isWaking tells whether node runs again and was not yet seen in service.
func (l *ledger) isWaking(node string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waking[node] > 0
}

// cut counts one more fault on each link.
func (l *ledger) cut(links []cluster.Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, link := range links {
		l.cuts[link]++
	}
}

// mend counts one fault less on each link and returns the links that are free
// now.
func (l *ledger) mend(links []cluster.Link) []cluster.Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	var free []cluster.Link
	for _, link := range links {
		if l.cuts[link]--; l.cuts[link] <= 0 {
			delete(l.cuts, link)
			free = append(free, link)
		}
	}
	return free
}

// isCut tells whether some fault cuts link.
func (l *ledger) isCut(link cluster.Link) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cuts[link] > 0
}
