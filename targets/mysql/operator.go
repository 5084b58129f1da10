package mysql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	sdk "github.com/go-sql-driver/mysql"

	"github.com/lapse-test/lapse/targets/cluster"
)

// operator promotes a replica when the primary is gone and makes the others, and later
// the old primary, follow it, as Orchestrator, MaxScale and their kin do. It sits where
// the clients are.
//
// The primary is gone when, for the time of the option failover-after, each look at it
// found one of these: its process has ended; it does not answer within askTimeout (a
// server that answers with an error is not gone); a majority of all nodes are replicas
// that can be asked and that are not connected to it, so that it has lost the majority
// that would hold its lease. Before a replica is promoted the old primary is fenced: its
// processes are killed.
//
// Promoted is the most advanced of the replicas that can be asked, once it has applied
// what it has received. Semi-synchronous replication waits for one replica, whichever it
// is, so that all replicas must be asked to find one that has every acknowledged commit;
// while not all of them answer, the operator waits. Without it any one replica is
// enough, and what it had not received is lost.
//
// Its fields belong to its goroutine.
type operator struct {
	sys    *System
	cancel context.CancelFunc
	done   chan struct{}

	// since is when the primary was found to be gone first, zero if it is there; why
	// says what was found.
	since time.Time
	why   string
	// refused is why no replica could be promoted, so that it is told once.
	refused string
	// fenced are the nodes that the operator killed and is to bring back.
	fenced map[int]bool
}

const (
	// lookEvery is how often the operator looks.
	lookEvery = 150 * time.Millisecond
	// repairTimeout is how long one step of repair may take.
	repairTimeout = 30 * time.Second
	// applyTimeout is how long a replica that is promoted may take to apply what it has.
	applyTimeout = 10 * time.Second
)

func startOperator(s *System) *operator {
	ctx, cancel := context.WithCancel(context.Background())
	o := &operator{sys: s, cancel: cancel, done: make(chan struct{}), fenced: map[int]bool{}}
	go func() {
		defer close(o.done)
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
	}()
	return o
}

// stop ends the operator.
func (o *operator) stop() {
	o.cancel()
	<-o.done
}

// step looks at all nodes once and does what is called for.
func (o *operator) step(ctx context.Context) {
	seen := o.look(ctx)
	if ctx.Err() != nil {
		return
	}
	if o.why = o.gone(seen); o.why == "" {
		o.since, o.refused = time.Time{}, ""
		delete(o.fenced, o.sys.primaryIndex()) // was started again before another took over
		o.repair(ctx, seen)
		return
	}
	if o.since.IsZero() {
		o.since = time.Now()
	}
	if time.Since(o.since) < o.sys.set.failoverAfter {
		return
	}
	if err := o.failover(ctx); err != nil && ctx.Err() == nil && err.Error() != o.refused {
		o.refused = err.Error()
		o.sys.tell("failover", "no replica is promoted although %s: %v", o.why, err)
	}
}

// answer is what the operator got from one node.
type answer struct {
	standing
	err error
}

var errStopped = errors.New("its process has ended")

// there says whether a server answered, be it with an error.
func (a answer) there() bool {
	var e *sdk.MySQLError
	return a.err == nil || errors.As(a.err, &e)
}

// look asks all nodes at once.
func (o *operator) look(ctx context.Context) []answer {
	seen := make([]answer, len(o.sys.Nodes))
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_ = o.sys.onAll(ctx, func(ctx context.Context, i int) error {
		if seen[i].err = errStopped; o.sys.Nodes[i].State() != cluster.Stopped {
			seen[i].standing, seen[i].err = o.sys.standing(ctx, i)
		}
		return nil
	})
	return seen
}

// gone says why the primary has to be taken for gone, empty if it is there.
func (o *operator) gone(seen []answer) string {
	primary := o.sys.primaryIndex()
	name := o.sys.Nodes[primary].Name()
	switch a := seen[primary]; {
	case errors.Is(a.err, errStopped):
		return "the process of the primary " + name + " has ended"
	case !a.there():
		return "the primary " + name + " does not answer"
	}
	deaf := 0
	for i, a := range seen {
		if i != primary && a.err == nil && a.replica && !a.receiving {
			deaf++
		}
	}
	if 2*deaf > len(seen) {
		return fmt.Sprintf("a majority of the nodes does not hear the primary %s", name)
	}
	return ""
}

// candidate is a replica that could be promoted.
type candidate struct {
	node int
	at   position
}

// candidates are the replicas that can be asked, or an error if there are too few.
func (o *operator) candidates(ctx context.Context) ([]candidate, error) {
	s := o.sys
	var list []candidate
	for i, a := range o.look(ctx) {
		if i != s.primaryIndex() && a.err == nil && a.replica && !s.rebuild[i] {
			list = append(list, candidate{i, a.received})
		}
	}
	if need := needed(len(s.Nodes)-1, s.set.semiSync()); len(list) < need {
		return nil, fmt.Errorf("%d of %d replicas can be asked, and %d are needed so that one of them has every acknowledged write", len(list), len(s.Nodes)-1, need)
	}
	return list, nil
}

// needed is how many of the replicas have to be asked.
func needed(replicas int, semiSync bool) int {
	if semiSync {
		return replicas
	}
	return 1
}

// best is the most advanced candidate, the first of them if several are.
func best(list []candidate) candidate {
	b := list[0]
	for _, c := range list[1:] {
		if c.at > b.at {
			b = c
		}
	}
	return b
}

// failover fences the primary and promotes a replica. The error says why that was not
// possible yet.
func (o *operator) failover(ctx context.Context) error {
	s := o.sys
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	s.roles.Lock()
	defer s.roles.Unlock()
	old := s.primaryIndex()
	if o.gone(o.look(ctx)) == "" {
		o.since = time.Time{} // somebody has started it again
		return nil
	}
	if _, err := o.candidates(ctx); err != nil {
		return err
	}
	began := time.Now()
	if s.Nodes[old].State() != cluster.Stopped {
		if err := s.Nodes[old].Kill(ctx); err != nil {
			return fmt.Errorf("fencing: %w", err)
		}
		o.fenced[old] = true
		s.tell("failover", "%s was fenced (killed), because %s", s.Nodes[old].Name(), o.why)
	}
	time.Sleep(stillness) // what the dead primary sent may still be on its way into the log
	list, err := o.candidates(ctx)
	if err != nil {
		return err
	}
	chosen := best(list)
	if err := o.promote(ctx, chosen.node); err != nil {
		return fmt.Errorf("promoting %s: %w", s.Nodes[chosen.node].Name(), err)
	}
	s.rebuild[old] = true
	delete(s.held, chosen.node)
	s.primary.Store(int32(chosen.node))
	s.tell("failover", "%s was promoted at %d in %v, because %s", s.Nodes[chosen.node].Name(), chosen.at, time.Since(began).Round(time.Millisecond), o.why)
	o.since, o.refused = time.Time{}, ""
	return nil
}

// promote has a replica apply what it has received and take writes.
func (o *operator) promote(ctx context.Context, node int) error {
	s := o.sys
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	return s.admin(ctx, node, func(c *conn) error {
		for _, sql := range []string{"STOP SLAVE IO_THREAD", "START SLAVE SQL_THREAD"} {
			if err := c.execute(ctx, sql); err != nil {
				return err
			}
		}
		err := cluster.Await(ctx, "what it has received to be applied", func(ctx context.Context) error {
			st, err := askStanding(ctx, c)
			if err == nil && st.applied < st.received && !st.idle {
				err = fmt.Errorf("it has applied up to %d of %d", st.applied, st.received)
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, sql := range []string{
			"STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL rpl_semi_sync_slave_enabled = OFF",
			fmt.Sprintf("SET GLOBAL rpl_semi_sync_master_enabled = %t", s.set.semiSync()), "SET GLOBAL read_only = OFF",
		} {
			if err := c.execute(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// repair has replicas follow the present primary, and then makes those anew that the
// operator fenced or that have what the primary has not. What does not work yet is tried
// again at the next step.
//
// The order matters: until they follow the new primary, semi-synchronous commits wait.
func (o *operator) repair(ctx context.Context, seen []answer) {
	s := o.sys
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	s.roles.Lock()
	defer s.roles.Unlock()
	var again []int
	for i, a := range seen {
		host, number, err := s.upstream(i)
		switch {
		case i == s.primaryIndex() || err != nil:
		case o.fenced[i]:
			again = append(again, i)
		case a.err != nil || s.rebuild[i]:
		case a.upstream != net.JoinHostPort(host, number):
			err = s.follow(ctx, i)
		case a.diverged:
			s.tell("replica", "%s has what the primary has not, or cannot apply what it gets: it is made anew", s.Nodes[i].Name())
			again = append(again, i)
		case !a.applying && !s.held[i]:
			err = s.order(ctx, i, "START SLAVE")
		}
		if err != nil {
			s.Logger.Debug("repairing a replica", "node", s.Nodes[i].Name(), "error", err)
		}
	}
	for _, i := range again {
		o.fenced[i], s.rebuild[i] = true, true
		err := s.Nodes[i].Kill(ctx)
		if err == nil {
			err = s.rebuildReplica(ctx, i)
		}
		if err != nil {
			s.Logger.Debug("making a replica anew", "node", s.Nodes[i].Name(), "error", err)
			continue
		}
		delete(o.fenced, i)
	}
}
