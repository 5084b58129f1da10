// Package replication is what databases with one primary and its replicas have in
// common: a failover manager, and reads from replicas that are near enough.
package replication

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

// FailoverManager promotes a replica when the primary is gone and makes the others, and later
// the old primary, follow it, as failover managers do (Orchestrator, MaxScale, repmgr
// and their kin). It sits where the clients are.
//
// The primary is gone when, for the time After, each look at it found one of these:
//   - its process has ended;
//   - it does not answer within the time that the Driver gives it (a server that answers
//     with an error, such as one that is starting up, is not gone);
//   - a majority of all nodes are replicas that can be asked and that do not hear it, so
//     that it has lost the majority that would hold its lease.
//
// Before a replica is promoted the old primary is fenced: its processes are killed. See
// choose.go for which replica is promoted.
type FailoverManager[S any] struct {
	// Driver does what only the database knows.
	Driver Driver[S]
	// Nodes are the servers' nodes, Primary the index of the one that takes the writes.
	Nodes   []cluster.Node
	Primary func() int
	// After is how long the primary must be gone.
	After time.Duration
	// Acknowledged is how many replicas have a write when it is acknowledged.
	Acknowledged int
	// Replica is what the database calls one, such as "standby".
	Replica string
	// Roles is held while nodes change their roles or are started, so that nobody starts
	// a node in a role that is being taken from it.
	Roles *sync.Mutex
	// Tell tells people, and the history, of a failover.
	Tell func(format string, args ...any)
	// Debug is told what did not work yet and is tried again.
	Debug func(doing string, node cluster.Node, err error)

	// The rest belongs to the failover manager's goroutine.

	// since is when the primary was found to be gone first, zero if it is there; why
	// says what was found.
	since time.Time
	why   string
	// refused is why no replica could be promoted, so that it is told once.
	refused string
	// fenced are the nodes that the failover manager killed and is to bring back.
	fenced map[int]bool
}

// Driver is what a FailoverManager needs of a database. Ask is called for several nodes at
// once; the other methods one at a time, by the failover manager's goroutine.
type Driver[S any] interface {
	// Ask asks a node, for a short time; the Node of the answer is filled in by the
	// failover manager. Of a node whose process has ended it returns ErrStopped.
	Ask(ctx context.Context, node int) Answer[S]
	// Answered says whether err is an answer of a server's, rather than silence.
	Answered(err error) bool
	// Eligible says whether a replica may be promoted: not one whose data is of a history
	// that was given up. Roles is held.
	Eligible(node int) bool
	// Promote has a replica take writes, and makes it the primary and the others follow
	// it. What the node old has from now on has to be made anew. Roles is held.
	Promote(ctx context.Context, old, node int) error
	// Follow sees to a node that is not the primary while the primary is there, such as
	// having it follow the primary; it says whether it has to be made anew. From then on
	// it is not eligible until it was made anew, by Rebuild or by whoever starts it.
	// Roles is held.
	Follow(ctx context.Context, seen Answer[S]) (anew bool, err error)
	// Rebuild makes a node a replica of the primary from nothing, which is then eligible.
	// Its process was killed. Roles is held.
	Rebuild(ctx context.Context, node int) error
}

// Answer is what the failover manager got from one node.
type Answer[S any] struct {
	Node int
	// Err is why there is no answer; the rest is empty then.
	Err error
	// Replica says that it replays rather than writes, Deaf that it does not hear the
	// primary.
	Replica, Deaf bool
	// Position is up to where it has the log, Text how people write that.
	Position uint64
	Text     string
	// Seen is what else it said, for Follow.
	Seen S
}

// ErrStopped is why a node does not answer whose process has ended.
var ErrStopped = errors.New("its process has ended")

const (
	// LookEvery is how often a failover manager looks.
	LookEvery = 150 * time.Millisecond
	// repairTimeout is how long one step of repair may take.
	repairTimeout = 30 * time.Second
)

// Start starts the failover manager; stop ends it, and may be called more than once.
func (o *FailoverManager[S]) Start() (stop func()) {
	o.fenced = map[int]bool{}
	return launch.Every(LookEvery, o.step)
}

// step looks at all nodes once and does what is called for.
func (o *FailoverManager[S]) step(ctx context.Context) {
	seen := o.look(ctx)
	if ctx.Err() != nil {
		return
	}
	why := o.gone(seen)
	if why == "" {
		o.since, o.refused = time.Time{}, ""
		delete(o.fenced, o.Primary()) // was started again before another took over
		o.repair(ctx, seen)
		return
	}
	if o.since.IsZero() {
		o.since = time.Now()
	}
	o.why = why
	if time.Since(o.since) < o.After {
		return
	}
	if err := o.failover(ctx); err != nil && ctx.Err() == nil && err.Error() != o.refused {
		o.refused = err.Error()
		o.Tell("no %s is promoted although %s: %v", o.Replica, o.why, err)
	}
}

// look asks all nodes at once.
func (o *FailoverManager[S]) look(ctx context.Context) []Answer[S] {
	seen := make([]Answer[S], len(o.Nodes))
	var all sync.WaitGroup
	for i := range o.Nodes {
		all.Go(func() {
			seen[i] = o.Driver.Ask(ctx, i)
			seen[i].Node = i
		})
	}
	all.Wait()
	return seen
}

// gone says why the primary has to be taken for gone, empty if it is there.
func (o *FailoverManager[S]) gone(seen []Answer[S]) string {
	primary := o.Primary()
	name := o.Nodes[primary].Name()
	switch err := seen[primary].Err; {
	case errors.Is(err, ErrStopped):
		return "the process of the primary " + name + " has ended"
	case err != nil && !o.Driver.Answered(err):
		return "the primary " + name + " does not answer"
	}
	deaf := 0
	for _, a := range seen {
		if a.Node != primary && a.Err == nil && a.Replica && a.Deaf {
			deaf++
		}
	}
	if 2*deaf > len(seen) {
		return "a majority of the nodes does not hear the primary " + name
	}
	return ""
}

// failover fences the primary and promotes a replica. The error says why that was not
// possible yet.
func (o *FailoverManager[S]) failover(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	o.Roles.Lock()
	defer o.Roles.Unlock()
	old := o.Primary()
	if o.gone(o.look(ctx)) == "" {
		o.since = time.Time{} // somebody has started it again
		return nil
	}
	if _, err := o.candidates(ctx); err != nil {
		return err
	}
	began := time.Now()
	if o.Nodes[old].State() != cluster.Stopped {
		if err := o.Nodes[old].Kill(ctx); err != nil {
			return fmt.Errorf("fencing: %w", err)
		}
		o.fenced[old] = true
		o.Tell("%s was fenced (killed), because %s", o.Nodes[old].Name(), o.why)
	}
	chosen, err := o.settled(ctx)
	if err != nil {
		return err
	}
	name := o.Nodes[chosen.Node].Name()
	if err := o.Driver.Promote(ctx, old, chosen.Node); err != nil {
		return fmt.Errorf("promoting %s: %w", name, err)
	}
	o.Tell("%s was promoted at %s in %s, because %s", name, chosen.Text, duration.Text(time.Since(began)), o.why)
	o.since, o.refused = time.Time{}, ""
	return nil
}

// repair has the other nodes follow the present primary, and then makes those anew that
// the failover manager fenced or that have what the primary has not. What does not work yet is
// tried again at the next step.
//
// The order matters: until replicas follow the new primary, commits may wait for them.
func (o *FailoverManager[S]) repair(ctx context.Context, seen []Answer[S]) {
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	for _, a := range seen {
		if a.Node == o.Primary() || o.fenced[a.Node] {
			continue
		}
		anew, err := o.follow(ctx, a)
		if err != nil {
			o.Debug("repairing a "+o.Replica, o.Nodes[a.Node], err)
		}
		if anew {
			o.fenced[a.Node] = true
		}
	}
	for _, a := range seen {
		if !o.fenced[a.Node] {
			continue
		}
		if err := o.rebuild(ctx, a.Node); err != nil {
			o.Debug("making a "+o.Replica+" anew", o.Nodes[a.Node], err)
			continue
		}
		delete(o.fenced, a.Node)
	}
}

func (o *FailoverManager[S]) follow(ctx context.Context, seen Answer[S]) (anew bool, err error) {
	o.Roles.Lock()
	defer o.Roles.Unlock()
	if ctx.Err() != nil {
		return false, ctx.Err() // the time was over before it was its turn
	}
	return o.Driver.Follow(ctx, seen)
}

// rebuild makes a node anew unless whoever started it has done so: its copy may be the
// only one of what was acknowledged since.
func (o *FailoverManager[S]) rebuild(ctx context.Context, node int) error {
	o.Roles.Lock()
	defer o.Roles.Unlock()
	if o.Driver.Eligible(node) {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err() // before it is killed: there would be no time to make it anew
	}
	if err := o.Nodes[node].Kill(ctx); err != nil {
		return err
	}
	return o.Driver.Rebuild(ctx, node)
}
