package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lapse-test/lapse/targets/cluster"
)

// operator promotes a standby when the primary is gone and makes the others, and
// later the old primary, follow it, as failover managers do. It sits where the
// clients are and watches over connections of its own.
//
// The primary is gone when, for the time of the option failover-after, each look
// at it found one of these:
//   - its process has ended;
//   - it does not answer a query within askTimeout (a server that answers with an
//     error, such as one that is starting up, is not gone);
//   - a majority of all nodes, not counting itself, are standbys that the operator
//     can ask and that have no connection to it or have not heard from it for
//     deafAfter: it has lost the majority that would hold its lease.
//
// Before a standby is promoted the old primary is fenced: its processes are
// killed. See failover.go for which standby is promoted.
//
// Its fields belong to its goroutine, but for those said to be shared.
type operator struct {
	sys    *System
	cancel context.CancelFunc
	done   chan struct{}

	conns []*conn
	// since is when the primary was found to be gone first, zero if it is there;
	// why says what was found.
	since time.Time
	why   string
	// refused is why no standby could be promoted, so that it is told once.
	refused string
	// fenced are the nodes that the operator killed and is to bring back.
	fenced map[int]bool
	// strayed are, for each node that was not seen to follow since, the earliest
	// position at which a timeline that it must follow left the one before.
	strayed map[int]lsn
	// timeline is the present one; 0 until the first promotion, when every node is
	// on it.
	timeline int
}

const (
	// lookEvery is how often the operator looks.
	lookEvery = 150 * time.Millisecond
	// askTimeout is how long a node may take to answer it.
	askTimeout = 500 * time.Millisecond
	// repairTimeout is how long one step of repair may take.
	repairTimeout = 20 * time.Second
)

func startOperator(s *System) *operator {
	ctx, cancel := context.WithCancel(context.Background())
	o := &operator{
		sys: s, cancel: cancel, done: make(chan struct{}),
		conns: make([]*conn, len(s.Nodes)), fenced: map[int]bool{}, strayed: map[int]lsn{},
	}
	go func() {
		defer close(o.done)
		o.loop(ctx)
	}()
	return o
}

// stop ends the operator; it may be called more than once.
func (o *operator) stop() {
	o.cancel()
	<-o.done
}

func (o *operator) loop(ctx context.Context) {
	defer func() {
		for i := range o.conns {
			o.drop(i)
		}
	}()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			o.step(ctx)
		}
	}
}

// step looks at all nodes once and does what is called for.
func (o *operator) step(ctx context.Context) {
	seen := o.look(ctx)
	if ctx.Err() != nil {
		return
	}
	why := o.gone(seen)
	if why == "" {
		o.since, o.refused = time.Time{}, ""
		delete(o.fenced, o.sys.primaryIndex()) // was started again before another took over
		o.follow(ctx, seen)
		return
	}
	if o.since.IsZero() {
		o.since = time.Now()
	}
	o.why = why
	if time.Since(o.since) < o.sys.set.failoverAfter {
		return
	}
	if err := o.failover(ctx); err != nil && ctx.Err() == nil && err.Error() != o.refused {
		o.refused = err.Error()
		o.sys.tell("failover", "no standby is promoted although %s: %v", o.why, err)
	}
}

// answer is what the operator got from one node.
type answer struct {
	standing
	err error
}

// there says whether a server answered, be it with an error.
func (a answer) there() bool {
	var pg *pgconn.PgError
	return a.err == nil || errors.As(a.err, &pg)
}

// look asks all nodes at once.
func (o *operator) look(ctx context.Context) []answer {
	seen := make([]answer, len(o.conns))
	done := make(chan struct{})
	for i := range o.conns {
		go func() {
			seen[i].standing, seen[i].err = o.ask(ctx, i)
			done <- struct{}{}
		}()
	}
	for range o.conns {
		<-done
	}
	return seen
}

// ask asks a node over the operator's connection to it. Different nodes can be
// asked at once.
func (o *operator) ask(ctx context.Context, node int) (standing, error) {
	if o.sys.Nodes[node].State() == cluster.Stopped {
		o.drop(node)
		return standing{}, errStopped
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if o.conns[node] == nil {
		c, err := o.sys.connect(ctx, node, o.sys.adminLogin())
		if err != nil {
			return standing{}, err
		}
		o.conns[node] = c
	}
	st, err := askStanding(ctx, o.conns[node])
	if o.conns[node].broken() {
		o.drop(node)
	}
	return st, err
}

var errStopped = errors.New("its process has ended")

func (o *operator) drop(node int) {
	if o.conns[node] != nil {
		o.conns[node].close()
		o.conns[node] = nil
	}
}

// gone says why the primary has to be taken for gone, empty if it is there.
func (o *operator) gone(seen []answer) string {
	primary := o.sys.primaryIndex()
	name := o.sys.Nodes[primary].Name()
	a := seen[primary]
	switch {
	case errors.Is(a.err, errStopped):
		return "the process of the primary " + name + " has ended"
	case !a.there():
		return "the primary " + name + " does not answer"
	}
	deaf := 0
	for i := range seen {
		if i != primary && seen[i].err == nil && seen[i].standby &&
			(!seen[i].receiving || seen[i].silent > deafAfter) {
			deaf++
		}
	}
	if 2*deaf > len(seen) {
		return fmt.Sprintf("a majority of the nodes does not hear the primary %s", name)
	}
	return ""
}

// deafAfter is how long a standby that is connected may hear nothing: after half of
// wal_receiver_timeout it asks, and an idle primary answers.
const deafAfter = 1500 * time.Millisecond

// follow brings back what has strayed: nodes that the operator fenced, and
// standbys whose log left the primary's history.
func (o *operator) follow(ctx context.Context, seen []answer) {
	s := o.sys
	for i := range seen {
		switch {
		case i == s.primaryIndex():
		case o.fenced[i]:
			o.repair(ctx, i)
		case seen[i].err != nil:
		case seen[i].receiving && (o.timeline == 0 || seen[i].timeline == o.timeline):
			delete(o.strayed, i)
		case o.strayed[i] > 0 && seen[i].position > o.strayed[i] && !seen[i].receiving:
			s.tell("standby", "%s has the log up to %v, but the new primary's history left its own at %v: it is copied anew", s.Nodes[i].Name(), seen[i].position, o.strayed[i])
			o.repair(ctx, i)
		}
	}
}

// repair makes a node a standby from a fresh copy; it is tried again at the next
// step if that does not work yet.
func (o *operator) repair(ctx context.Context, node int) {
	s := o.sys
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	s.roles.Lock()
	defer s.roles.Unlock()
	o.drop(node)
	o.fenced[node], s.rebuild[node] = true, true
	if err := s.Nodes[node].Kill(ctx); err != nil {
		s.Logger.Debug("repairing a standby", "node", s.Nodes[node].Name(), "error", err)
		return
	}
	if err := s.rebuildStandby(ctx, node); err != nil {
		s.Logger.Debug("repairing a standby", "node", s.Nodes[node].Name(), "error", err)
		return
	}
	delete(o.fenced, node)
	delete(o.strayed, node)
}
