// Package coordinator carries out clients' requests over the replicas of a key, without a leader.
//
// Every request goes to all N replicas of its key. A write is acknowledged when W of them hold it
// durably, a read is answered from the first R answers; the largest record (package record) wins.
//
// # When this is linearizable
//
// With write timestamps from a quorum and blocking read repair this is the multi-writer register of Attiya, Bar-Noy and
// Dolev, "Sharing Memory Robustly in Message-Passing Systems" (1995), in the form of Lynch and Shvartsman (1997), with W and R
// in place of majorities. Call the replicas that durably hold a version or a larger one its holders; they only ever grow
// in number (records are never replaced by smaller ones, tombstones are kept, replicas answer only what is on
// disk). Let N replicas, W+R > N for every pair of a write and a read. Then
//
//  1. an acknowledged write has W holders, so every later read, which asks R, sees its version or a larger one;
//  2. before it chooses a version, a write asks quorum.TimestampRead = max(majority, N-W+1) replicas, so it
//     chooses a larger version than every acknowledged write of the same W before it;
//  3. before it answers, a read makes its version have quorum.WriteBack = max(majority, N-R+1) holders (or the W that the
//     client names). Every later read of the same R sees one of them, and so does every later write's timestamp
//     read: majorities meet, and W meets N-W+1.
//
// So the versions order all completed operations in real time. A write that failed half-way, a message or a hint that
// arrives late carries the version that it always had: it is seen by a reader, who then completes it, or it is
// not, and then it takes its place among concurrent writes whenever that is. Levels may be mixed freely as long
// as W+R > N for every pair of them and, for 2. and 3., either all writes have the same W and all reads the same R, or
// all are majorities.
//
// With sloppy quorums (Dynamo, section 4.6) none of this holds: a write may be on nodes that stand in for replicas, and a read may ask the
// replicas. What W nodes hold is durable all the same, and comes to its replicas by hints. There is nobody to stand in where there are as many nodes as replicas.
//
// Without 3. a half-done write is seen by one read and missed by the next; without 2. a write acknowledged later can carry
// the smaller version and is lost at once. The tests show all of it.
package coordinator

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/quorum"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// ReadRepair says what a read does about replicas that answered with something older.
type ReadRepair string

// The ways of read repair.
const (
	RepairOff      ReadRepair = "off"      // nothing
	RepairAsync    ReadRepair = "async"    // bring them up to date after the answer
	RepairBlocking ReadRepair = "blocking" // first make enough replicas hold what is answered
)

// Timestamps says where a write takes its version from.
type Timestamps string

// The sources of write timestamps.
const (
	FromCoordinator Timestamps = "coordinator" // the coordinator's hybrid logical clock
	FromQuorum      Timestamps = "quorum"      // larger than what a quorum of replicas holds
)

// Transport reaches replicas by their node's name, the local one included. Requests of a replica have the epoch of the View in which they are sent. None of them waits:
// the answer, which is context.DeadlineExceeded when the time within which it is wanted is over, is sent to a channel that has room for it, perhaps before the method returns. It may be given up
// when ctx ends. A replica that knows of a later epoch refuses, and Members has learned of that when the refusal is sent.
type Transport interface {
	// Ready is nil when a request to node can be sent now. It may wait for a connection until ctx ends.
	Ready(ctx context.Context, node string) error
	// Read answers what node has for key; the zero Record when that is nothing.
	Read(ctx context.Context, node string, epoch uint64, key string, within time.Duration, to chan<- replica.Answer)
	// Version is Read of the version alone: of the Record nothing else counts.
	Version(ctx context.Context, node string, epoch uint64, key string, within time.Duration, to chan<- replica.Answer)
	// Apply answers without an error when node durably holds rec or something larger. An error that wraps replica.ErrNotApplied says that
	// it never will because of this call; after any other it may.
	Apply(ctx context.Context, node string, epoch uint64, key string, rec record.Record, within time.Duration, to chan<- replica.Answer)
}

// Members says which nodes hold keys, now. All Views have the same number of replicas of a key.
type Members interface {
	// View is what is known now. It is not changed later, and may be asked for concurrently.
	View() *membership.View
}

// Options configure a coordinator; all are needed.
type Options struct {
	Self           string
	Nodes          []string // all that there are, whether they hold keys or not
	Members        Members
	Transport      Transport
	Store          *storage.Store // for hints
	Clock          *hlc.Clock
	Defects        *defect.Set
	ReadRepair     ReadRepair
	HintedHandoff  bool
	Timestamps     Timestamps
	Sloppy         bool          // nodes further on the ring stand in for replicas that cannot be reached
	RequestTimeout time.Duration // of a client's request
	PeerTimeout    time.Duration // of a message to a replica
	Logger         *slog.Logger
}

// Coordinator is safe for concurrent use. Close it to end what runs in the background.
type Coordinator struct {
	Options
	stats Stats
	cache staleCache

	ctx    context.Context // of messages, which outlive the request that sent them
	cancel context.CancelFunc
	noWait context.Context // has ended: asks a transport for what it knows now

	mu      sync.Mutex // orders Close after the last start of background work
	closed  bool
	wg      sync.WaitGroup
	slots   chan struct{} // one for each repair in the background
	replays map[string]chan struct{}
}

// maxBackgroundRepairs bounds repairs after the answer; more are skipped and counted.
const maxBackgroundRepairs = 1024

// New makes a coordinator and starts the replay of hints to every other node.
func New(o Options) *Coordinator {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Coordinator{Options: o, ctx: ctx, cancel: cancel,
		slots: make(chan struct{}, maxBackgroundRepairs), replays: make(map[string]chan struct{})}
	var end context.CancelFunc
	c.noWait, end = context.WithCancel(ctx)
	end()
	for _, node := range o.Nodes {
		if node == o.Self {
			continue
		}
		wake := make(chan struct{}, 1)
		c.replays[node] = wake
		c.wg.Go(func() { c.replayHints(node, wake) })
	}
	return c
}

// Close ends all background work and waits for it. No request may be running or start.
func (c *Coordinator) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}

// background runs f with Close waiting for it; after Close it does not run.
func (c *Coordinator) background(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.stats.Background.Add(1)
	c.wg.Go(func() {
		defer c.stats.Background.Add(-1)
		f()
	})
	return true
}

// Replicas are the nodes that this coordinator asks for key.
func (c *Coordinator) Replicas(key string) []string { return c.groups(c.Members.View(), key)[0] }

// groups are the sets of N nodes in each of which a request for key needs its level; those that are asked first.
func (c *Coordinator) groups(v *membership.View, key string) [][]string {
	switch {
	case c.Defects.Has(defect.StaleRing):
		return [][]string{v.Read.Misplaced(key)}
	case v.Phase == membership.Moving && (c.Defects.Has(defect.HandOverEarly) || v.OfRanges() && c.Defects.Has(defect.RangeHandedOverEarly)):
		return [][]string{v.Read.Replicas(key)}
	}
	return v.Groups(key)
}

// asked is a request's nodes in one state of the members.
type asked struct {
	view   *membership.View
	groups [][]string
	nodes  []string // of all groups, each once
	// instead says for each node that stands in, with sloppy quorums, the replica in whose place it is.
	instead map[string]string
}

// whom finds the replicas of a key, or with sloppy quorums for those that cannot be reached now the next nodes on the ring that can.
func (c *Coordinator) whom(v *membership.View, key string) asked {
	a := asked{view: v, groups: c.groups(v, key)}
	if c.Sloppy && v.Also == nil {
		a.groups[0], a.instead = c.standIns(v, a.groups[0], key)
	}
	a.nodes = a.groups[0]
	for _, g := range a.groups[1:] {
		a.nodes = slices.Clone(a.nodes)
		for _, node := range g {
			if !slices.Contains(a.nodes, node) {
				a.nodes = append(a.nodes, node)
			}
		}
	}
	return a
}

func (c *Coordinator) standIns(v *membership.View, replicas []string, key string) (nodes []string, instead map[string]string) {
	nodes = slices.Clone(replicas)
	beyond := v.Read.Beyond(key)
	for i, node := range nodes {
		if c.Transport.Ready(c.noWait, node) == nil {
			continue
		}
		for len(beyond) > 0 {
			next := beyond[0]
			beyond = beyond[1:]
			if c.Transport.Ready(c.noWait, next) == nil {
				if instead == nil {
					instead = map[string]string{}
				}
				nodes[i], instead[next] = next, node
				break
			}
		}
	}
	return nodes, instead
}

// in counts the nodes of a group that are in a list.
func in(group, list []string) int {
	n := 0
	for _, node := range list {
		if slices.Contains(group, node) {
			n++
		}
	}
	return n
}

// inEach is the smallest number of a list's nodes that are in a group.
func (a asked) inEach(list []string) int {
	least := in(a.groups[0], list)
	for _, g := range a.groups[1:] {
		least = min(least, in(g, list))
	}
	return least
}

// moved tells whether the members have changed since v, so that what failed in v may succeed now.
func (c *Coordinator) moved(ctx context.Context, v *membership.View) bool {
	return ctx.Err() == nil && c.Members.View().Epoch != v.Epoch
}

// reachAll is reach for every group of a request.
func (c *Coordinator) reachAll(ctx context.Context, a asked, need int) map[string]string {
	for _, g := range a.groups {
		if failed := c.reach(ctx, g, need); failed != nil {
			return failed
		}
	}
	return nil
}

// reach checks that need of the nodes can be sent to now, so that a request which cannot succeed is refused
// before any replica has seen it. It returns nil, or why nodes cannot be reached.
func (c *Coordinator) reach(ctx context.Context, nodes []string, need int) map[string]string {
	if c.ready(c.noWait, nodes, need) == nil {
		return nil
	}
	// Waits, but only for connections that are being made again for the first time since they were lost.
	return c.ready(ctx, nodes, need)
}

func (c *Coordinator) ready(ctx context.Context, nodes []string, need int) map[string]string {
	ready, failed := 0, map[string]string(nil)
	for _, node := range nodes {
		if err := c.Transport.Ready(ctx, node); err != nil {
			if failed == nil {
				failed = make(map[string]string)
			}
			failed[node] = err.Error()
			continue
		}
		if ready++; ready >= need {
			return nil
		}
	}
	return failed
}

// n is the number of replicas of a key, which is the same whoever the members are.
func (c *Coordinator) n() int { return c.Members.View().Read.N() }

func (c *Coordinator) count(l quorum.Level, what string) (int, error) {
	n, err := l.Count(c.n())
	if err != nil {
		return 0, &engine.Error{Code: engine.CodeBadLevel, Message: fmt.Sprintf("%s: %v", what, err)}
	}
	return n, nil
}

// message is the context of a message to a replica that is waited for: it ends with the coordinator or after the peer timeout, not with
// the client's request, because what is sent cannot be unsent.
func (c *Coordinator) message() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.ctx, c.PeerTimeout)
}

// othersFirst are the nodes in an order in which what goes over the network is on its way while this node does its own part.
func (c *Coordinator) othersFirst(nodes []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		self := false
		for _, node := range nodes {
			if node == c.Self {
				self = true
			} else if !yield(node) {
				return
			}
		}
		if self {
			yield(c.Self)
		}
	}
}

// localFirst moves this node, if it is among the replicas, to the front of a copy.
func (c *Coordinator) localFirst(replicas []string) []string {
	i := slices.Index(replicas, c.Self)
	if i <= 0 {
		return replicas
	}
	out := slices.Clone(replicas)
	copy(out[1:i+1], replicas[:i])
	out[0] = c.Self
	return out
}
