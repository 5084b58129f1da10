// Package multileader is the engine in which every region has a leader that takes writes without asking the others, as global tables,
// groups of primaries and offline clients do. Leaders tell each other afterwards; what was written at two of them meanwhile is in conflict, and
// Conflicts says what becomes of that.
//
// # Writes and exchange
//
// A node sends writes to the leader of its region, the first node of that by name. The leader changes the state of the key, syncs it and
// answers. It numbers changes by their order; the last change of each key stands for those before. At every ExchangeInterval it sends
// the keys that have changed since the place up to which the receiver has its changes, whole and as they are now, to all other
// leaders and to the other nodes of its region; those send the leader what it has not sent them itself, with the data directory that it has
// now: after its disk was lost, all that they have. The receiver joins them with what it has, syncs that together with the new place, and
// confirms the place. It refuses changes that do not begin where it is, and says where that is, so that what is lost on the way is sent
// again, also after kill -9 of either side. An answer may be long on its way, and the directory of which it speaks be lost meanwhile; so it says which message it answers, and once
// a receiver has spoken of a new directory answers to earlier messages count for nothing. Leaders pass on what they were told, so that two that cannot reach each other hear by a third.
//
// # Why nodes converge
//
// States of a key are a join-semilattice and every change goes up in it (Shapiro, Preguiça, Baquero, Zawirski, "Conflict-free
// Replicated Data Types", 2011). A node's state is the join of changes; the exchange brings each change to each node at least once
// while nodes are connected; joins are commutative, associative and idempotent, so that neither order nor repetition matters. So when nothing
// is written any more and all are connected, all have the same state, and what is read is a function of it.
//
// # What is lost, and what is not
//
//   - lww: the state is the write with the largest version, and a version is larger than all that its leader knew. Of writes that
//     did not know of each other one stays, by the clocks; the others are lost although they were acknowledged. A counter is
//     written as its new total, and a set or a map as the new whole, so that increments and elements are lost with them. This is not a defect of the
//     mode but what it is for (DynamoDB's global tables, "last writer wins").
//   - siblings: a state is the writes that nothing has replaced, with a version vector of all that are known (dotted version vectors:
//     Preguiça, Baquero, Almeida, Fonte, Gonçalves, 2010). A write replaces those of which its client says by a context that it has
//     seen them. So a write is gone only when somebody has replaced it who saw it. What is in conflict is returned, for the client to
//     merge. A client that merges sets by union loses no element: what it replaces is contained in what it writes.
//   - crdt: as siblings, but the leader knows how to merge. A register keeps the values that were written without knowledge of each
//     other. A set is add-wins (Bieniusa et al., "An optimized conflict-free replicated set", 2012): a removal
//     removes the additions that its leader knows of, and so not one that is concurrent to it. An element that is not there is
//     not removed, and the client is told. A counter has for each replica what was added there and taken away, of which only that
//     replica changes its own, and both only grow: the join takes the larger of each, and the total is exact. A map is observed-remove
//     (Shapiro et al., "A comprehensive study of convergent and commutative replicated data types", 2011, section 3.3; Riak's map): one
//     causal state for all its fields, in which each increment, element and value of a register is a write. The removal of a field removes
//     what its leader knows to be in it; an update that is concurrent to it stays, alone. So a counter that is a field is exact under
//     removals, and keeps an entry for each increment that was not removed: a counter that only grows belongs under /counter.
//
// A removal needs no tombstone: that the vector covers an addition which is not alive says that it was removed. The vector covers no
// write that the node was not told of, because states are sent whole: that of replica r's n-th write of a key contains the effects of those before.
// A replica numbers writes on from what is on its disk, and with an empty disk it has a new name, so that no number is given twice.
//
// # What nobody promises
//
// Reads are from what one node knows: neither own writes through another region nor those of others need be there. Nothing here
// orders writes of different regions, so that there is no compare-and-set. While a region's leader is away its nodes take no writes and answer reads at level
// local only; no other node takes over.
//
// A key that other nodes cannot be told of would be no replica's but its leader's. So leaders let none grow beyond what fits into a message, see mostBytes; the bound
// does not count what a leader had put in on a disk that was lost.
//
// All states are kept in memory too, and version vectors are never pruned: an entry for each disk that a leader ever had.
package multileader

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/internal/forward"
	"github.com/lapse-test/lapse/quorumkv/internal/group"
	"github.com/lapse-test/lapse/quorumkv/peer"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// Mode is the mode's name.
const Mode = "multi-leader"

// The levels of writes and reads: at the leader of the region of the node that is asked, or what that node has.
const (
	LevelLeader = "leader"
	LevelLocal  = "local"
)

// WriteLevels are those of writes, the default first.
func WriteLevels() []string { return []string{LevelLeader} }

// ReadLevels are those of reads, the default first.
func ReadLevels() []string { return []string{LevelLeader, LevelLocal} }

// Conflicts says what becomes of writes that did not know of each other.
type Conflicts string

// The ways of treating conflicts.
const (
	LastWriteWins Conflicts = "lww"
	Siblings      Conflicts = "siblings"
	CRDT          Conflicts = "crdt"
)

// AllConflicts are all ways, the default first.
func AllConflicts() []string {
	return []string{string(LastWriteWins), string(Siblings), string(CRDT)}
}

// Options are what the mode has to be told beyond the node.
type Options struct {
	Regions          int
	Conflicts        Conflicts
	ExchangeInterval time.Duration
}

// Validate reports what cannot be served by these nodes.
func (o Options) Validate(nodes []string) error {
	var errs []error
	if o.Regions < 1 || o.Regions > len(nodes) {
		errs = append(errs, fmt.Errorf("regions: %d must be between 1 and the number of nodes, %d", o.Regions, len(nodes)))
	}
	if !slices.Contains(AllConflicts(), string(o.Conflicts)) {
		errs = append(errs, fmt.Errorf("conflicts: %q is none of %s", o.Conflicts, strings.Join(AllConflicts(), ", ")))
	}
	if o.ExchangeInterval < time.Millisecond || o.ExchangeInterval > time.Minute {
		errs = append(errs, fmt.Errorf("exchange_interval: %s must be between 1ms and 1m", o.ExchangeInterval))
	}
	return errors.Join(errs...)
}

// Engine is the mode on one node. Make it with Open.
type Engine struct {
	*group.Group
	node   engine.Node
	opts   Options
	names  []string // of all nodes, sorted
	region Region   // of this node
	others []string // to whom this node sends its changes: a leader to the other leaders and its region, another node to its leader
	db     *pebble.DB

	mu    sync.RWMutex
	shown map[string]state // what is durable, by key; only the loop writes it

	messages chan message
	work     chan *task
	forward  *forward.Desk
	requests engine.Requests

	closing  sync.Once
	closeErr error
}

var (
	_ engine.Engine = (*Engine)(nil)
	_ engine.Typed  = (*Engine)(nil)
)

// Open opens the data directory and starts to connect to peers. Call Close afterwards.
func Open(node engine.Node, o Options) (*Engine, error) {
	e := &Engine{node: node, opts: o, names: node.Names(), shown: map[string]state{}, messages: make(chan message, inbox), work: make(chan *task, drain)}
	slices.Sort(e.names)
	e.place()
	settings := fmt.Sprintf("conflicts=%s regions=%d", o.Conflicts, o.Regions)
	digest := group.Digest(Mode+" "+settings, e.names)
	db, err := storage.OpenDB(storage.Options{Dir: node.DataDir, Mode: Mode, Node: node.Name, Ring: digest, FS: node.FS, Logger: node.Logger})
	if err != nil {
		return nil, err
	}
	e.db = db
	r, err := openReplica(node.Name, o, node.Clock, node.Defects, db, node.Fsync)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	e.Group = group.New(node, peer.Identity{Ring: digest, Mode: Mode, Settings: settings})
	e.forward = forward.NewDesk(forward.Options{Stopping: e.Context, Send: e.sendParcel, Lost: e.Links.Lost, Serve: e.serve, Timeout: node.RequestTimeout, Most: node.MaxRequests, Logger: node.Logger})
	e.Run(group.Receive(e.Group, parseMessage, e.take), newLoop(e, r).run)
	return e, nil
}

// Close implements engine.Engine.
func (e *Engine) Close() error {
	e.closing.Do(func() {
		e.Group.Close()
		if err := e.db.Close(); err != nil {
			e.closeErr = fmt.Errorf("close data directory %s: %w", e.node.DataDir, err)
		}
	})
	return e.closeErr
}

// leads tells whether this node is the leader of its region.
func (e *Engine) leads() bool { return e.region.Nodes[0] == e.node.Name }

// place finds this node's region, and to whom it sends its changes.
func (e *Engine) place() {
	all := Regions(e.names, e.opts.Regions)
	for _, r := range all {
		if slices.Contains(r.Nodes, e.node.Name) {
			e.region = r
		}
	}
	if !e.leads() {
		// A leader whose disk is empty has nowhere else what it had told its own region alone.
		e.others = e.region.Nodes[:1]
		return
	}
	e.others = slices.Clone(e.region.Nodes[1:])
	for _, r := range all {
		if r.Name != e.region.Name {
			e.others = append(e.others, r.Nodes[0])
		}
	}
}

func (e *Engine) get(key string) state {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.shown[key]
}

// send queues a message for a node; an error says that it is lost.
func (e *Engine) send(to string, m message) error { return e.Links.Send(to, m.marshal()) }

func (e *Engine) sendParcel(to string, p forward.Parcel) error {
	return e.send(to, message{What: forward.Kind(p, whatRequest, whatReply), ID: p.ID, Body: p.Body})
}

// take takes a message from a link.
func (e *Engine) take(from string, m message) {
	m.from = from
	switch m.What {
	case whatRequest, whatReply:
		if !e.forward.Take(&e.Background, from, forward.Parcel{Reply: m.What == whatReply, ID: m.ID, Body: m.Body}) {
			e.Drop()
		}
	default:
		group.Put(e.Group, e.messages, m)
	}
}
