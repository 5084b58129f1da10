// Package singleleader is the engine in which one node orders all writes in a log and ships it to the others, as PostgreSQL, MySQL and
// Redis replicate. How many nodes have a write when it is acknowledged is said by each write; who leads is said by a view service.
//
// # The view service
//
// The view is a pair of an epoch and the leader of it. It is one key of a raft group of all nodes (package consensus), read by read-index
// and changed by compare-and-set, so that there is one leader in an epoch and epochs only grow. It works as long as a majority of the nodes
// can reach each other; without one there is no failover, and with fencing no answer of the leader. Data does not go through it.
//
// # Writes
//
// The leader of an epoch gives a write the next place of its log, syncs it, and sends it to the followers. A follower takes entries that follow
// what it has (same place, same epoch: then all before is the same too), drops what differs, syncs, and confirms. An entry counts when
// enough nodes have it durably (async: the leader; semi-sync: the leader and any follower; sync: all) and all entries before it count. Only what counts
// is acknowledged and shown to readers. A write at a weaker level therefore waits for those of stronger levels before it.
//
// # Failover
//
// A node that has not heard of its leader for an election timeout asks all nodes for the ends of their logs and, if a majority answers, makes the
// one whose log goes furthest (latest epoch of the last entry, then the longest) the leader of the next epoch. A node that hears of its leader
// does not answer, so that a node that is cut off from the leader alone does not depose it. A new leader begins with a mark in its log. Nothing that it
// found in its log counts before a majority has the mark.
//
// # Why nothing that was acknowledged is lost, at which levels
//
// With fencing a node that answers for epoch e promises, durably, to take nothing of an earlier epoch: the promise is the fencing
// token. Say an entry counted in epoch d and is on the set H of nodes, and the election of e > d heard the majority M. If H and M meet, some node took the
// entry before it promised e, and the new leader's log goes at least as far as this node's; by induction over the epochs between d and e, the
// leaders of which all have the entry, so does the new leader's log, for logs that end in the same epoch are prefixes of one another. H and M
// meet when their sizes sum to more than the number of nodes N: sync always; semi-sync when 2 + N/2 + 1 > N, which is up to 4 nodes; async only
// alone. So semi-sync with 5 nodes or more can lose an acknowledged write, when the leader and the one follower that has it are away at once, and async
// loses what the leader had not shipped, as soon as another one leads: its entries are dropped when the old leader rejoins. The mark needs a
// majority, so what was there before it counts for good.
//
// # Reads
//
//   - leader: what counts at the leader. With fencing the leader first reads the view at the view service, after the read has begun: as long as the view is its own
//     nobody else has acknowledged anything. With a write level that loses nothing this is linearizable, whatever clocks do.
//   - follower: what counts at the node that was asked, by what the leader last told it. It is a prefix of the leader's log, without bound
//     on its age, and under async it may be dropped again.
//   - max-lag: as follower, but as leader when this node does not know that it has all that was acknowledged max_lag ago, at levels that survive a
//     failover. A message may be long on its way, as after a cut, and then says nothing of the time at which it comes. So every node counts by its own
//     monotonic clock, from stamps of it that others send back. A leader knows that it was not deposed at a moment if it has sent something later than
//     that which a majority has answered in its epoch: who answers has not promised itself to another, of whom a majority is needed to depose it. Once all that earlier leaders
//     acknowledged counts with it, the leader sends a follower the last stamp that it had of it before such a moment; a follower that has all that counts by that
//     message has all that had been acknowledged at the time of its stamp. A leader that does not know it of a moment max_lag ago asks the view service, as for a read at level leader.
//     Without fencing nobody promises anything, and this is no more than follower.
//
// A compare-and-set is decided by the leader at its place in the log. That a condition fails is told once the write that it fails on counts, and like a read.
//
// # Without fencing, without failover
//
// With fencing off nodes promise nothing, the leader asks nobody before it answers a read, and does not stop when it has lost its majority. So one that
// was deposed goes on for as long as it does not hear of the later epoch: it acknowledges async writes that will be dropped, and answers reads that miss what the new leader has
// acknowledged. That is split brain, and it is the point of the setting. With failover off there is no view service: the first node by name leads for
// ever, so that reads at it are linearizable at every write level, and nothing is served but followers' reads while it is away.
//
// The log is kept whole, on disk and in memory, and is read at the start: this mode is for runs, not for years.
package singleleader

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/internal/forward"
	"github.com/lapse-test/lapse/quorumkv/internal/group"
	"github.com/lapse-test/lapse/quorumkv/internal/latefs"
	"github.com/lapse-test/lapse/quorumkv/peer"
	"github.com/lapse-test/lapse/quorumkv/quorum"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// Mode is the mode's name.
const Mode = "single-leader"

// The levels of writes and reads.
const (
	LevelSemiSync = "semi-sync"
	LevelAsync    = "async"
	LevelSync     = "sync"
	LevelLeader   = "leader"
	LevelFollower = "follower"
	LevelMaxLag   = "max-lag"
)

// WriteLevels are those of writes, the default first.
func WriteLevels() []string { return []string{LevelSemiSync, LevelAsync, LevelSync} }

// ReadLevels are those of reads, the default first.
func ReadLevels() []string { return []string{LevelLeader, LevelFollower, LevelMaxLag} }

func writeLevels() map[string]need {
	return map[string]need{LevelAsync: needLeader, LevelSemiSync: needAnyFollower, LevelSync: needAll}
}

// Keeps reports whether a write acknowledged at a level is there after every failover with fencing, among so many nodes.
func Keeps(level string, nodes int) bool {
	return nodesFor(writeLevels()[level], nodes)+quorum.Majority(nodes) > nodes
}

func nodesFor(n need, nodes int) int {
	switch n {
	case needLeader:
		return 1
	case needAnyFollower:
		return 2
	case needAll:
		return nodes
	default:
		return quorum.Majority(nodes)
	}
}

// Options are what the mode has to be told beyond the node.
type Options struct {
	// ElectionTimeout is how long a follower waits for a leader, and up to half as long again. A leader is heard of ten times in it.
	ElectionTimeout time.Duration
	Failover        bool          // another node leads when the leader is away
	Fencing         bool          // a deposed leader is kept from answering
	MaxLag          time.Duration // beyond which a read at level max-lag is the leader's
}

// Validate reports what cannot be served.
func (o Options) Validate() error {
	var errs []error
	if o.ElectionTimeout < 50*time.Millisecond || o.ElectionTimeout > time.Minute {
		errs = append(errs, fmt.Errorf("election_timeout: %s must be between 50ms and 1m", o.ElectionTimeout))
	}
	if o.MaxLag < 0 || o.MaxLag > time.Hour {
		errs = append(errs, fmt.Errorf("max_lag: %s must be between 0s and 1h", o.MaxLag))
	}
	if !o.Failover && !o.Fencing {
		errs = append(errs, errors.New("fencing: is of no use without failover, where nobody is deposed; leave it out"))
	}
	return errors.Join(errs...)
}

// Engine is the mode on one node. Make it with Open.
type Engine struct {
	*group.Group
	node    engine.Node
	opts    Options
	names   []string // of all nodes, sorted
	db      *pebble.DB
	disk    *latefs.FS
	views   *viewService // nil without failover
	records *records
	status  atomic.Pointer[status]

	messages chan message
	writes   chan *write
	elected  chan struct{} // a search for a leader has ended
	forward  *forward.Desk
	searches atomic.Uint64 // for a leader
	asking   sync.Map      // chan message, by the ID of the search for a leader
	requests engine.Requests
	lost     atomic.Int64 // entries that counted here and were dropped
	now      func() time.Time

	closing  sync.Once
	closeErr error
}

var _ engine.Engine = (*Engine)(nil)

// Open opens the data directory, starts to connect to peers and, with failover, takes part in the view service. Call Close afterwards.
func Open(node engine.Node, o Options) (*Engine, error) {
	e := &Engine{node: node, opts: o, names: node.Names(), records: newRecords(), messages: make(chan message, inbox), writes: make(chan *write, drain),
		elected: make(chan struct{}, 1), now: time.Now}
	e.searches.Store(rand.Uint64() >> 8) // so that an answer to what was asked before a restart finds nobody
	slices.Sort(e.names)
	digest := group.Digest(fmt.Sprintf("%s %t", Mode, o.Failover), e.names)
	e.status.Store(&status{})
	e.disk = latefs.New(node.FS, func() bool { return node.Defects.Has(defect.ConfirmBeforeSync) })
	db, err := storage.OpenDB(storage.Options{Dir: node.DataDir, Mode: Mode, Node: node.Name, Ring: digest, FS: e.disk, Logger: node.Logger})
	if err != nil {
		return nil, err
	}
	e.db = db
	if err := e.start(digest); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return e, nil
}

func (e *Engine) start(digest string) error {
	j, err := openJournal(e.db, e.node.Fsync)
	if err != nil {
		return err
	}
	if e.opts.Failover {
		if e.views, err = openViews(e.node, e.opts); err != nil {
			return err
		}
	}
	settings := fmt.Sprintf("failover=%t fencing=%t", e.opts.Failover, e.opts.Fencing)
	e.Group = group.New(e.node, peer.Identity{Ring: digest, Mode: Mode, Settings: settings})
	e.forward = forward.NewDesk(forward.Options{Stopping: e.Context, Send: e.sendParcel, Lost: e.Links.Lost, Serve: e.serve, Timeout: e.node.RequestTimeout, Most: e.node.MaxRequests, Logger: e.node.Logger})
	e.FlushLate(e.disk)
	e.Run(group.Receive(e.Group, parseMessage, e.take), newLoop(e, j).run)
	return nil
}

// Close implements engine.Engine.
func (e *Engine) Close() error {
	e.closing.Do(func() {
		e.Group.Close()
		var err error
		if e.views != nil {
			err = e.views.group.Close()
		}
		if err = errors.Join(err, e.db.Close()); err != nil {
			e.closeErr = fmt.Errorf("close data directory %s: %w", e.node.DataDir, err)
		}
	})
	return e.closeErr
}

// since is how long ago a moment was, by this node's monotonic clock.
func (e *Engine) since(t time.Time) time.Duration { return e.now().Sub(t) }

func (e *Engine) majority() int { return quorum.Majority(len(e.names)) }

func (e *Engine) nodesFor(n need) int { return nodesFor(n, len(e.names)) }

// send queues a message for a node; an error says that it is lost.
func (e *Engine) send(to string, m message) error { return e.Links.Send(to, m.marshal()) }

func (e *Engine) sendParcel(to string, p forward.Parcel) error {
	return e.send(to, message{Kind: forward.Kind(p, kindRequest, kindReply), ID: p.ID, Body: p.Body})
}

// take takes a message from a link.
func (e *Engine) take(from string, m message) {
	m.from = from
	switch m.Kind {
	case kindRequest, kindReply:
		if !e.forward.Take(&e.Background, from, forward.Parcel{Reply: m.Kind == kindReply, ID: m.ID, Body: m.Body}) {
			e.Drop()
		}
	case kindPosition:
		e.position(m)
	default:
		group.Put(e.Group, e.messages, m)
	}
}
