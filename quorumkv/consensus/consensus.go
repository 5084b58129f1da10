// Package consensus is the engine in which all nodes are one raft group: Ongaro and Ousterhout, "In Search of an Understandable
// Consensus Algorithm" (2014), by the library go.etcd.io/raft. The library decides; this package gives it a disk, a
// network and a state machine, and answers reads.
//
// # Writes are linearizable, and happen once
//
// A write is a command in the log. It is acknowledged by the node that took it when that node has applied it, so it is
// committed: on the disks of a majority, which every later leader has a member of. All nodes apply the same
// log in the same order, each from its own beginning, so that a position of the log is the moment at which its write happens, and that
// position is its version.
//
// Before anybody hears that a node has an entry, or voted, it is synced (disklog.save). Only a leader sends its entries
// before its own disk has them; it counts itself not before then. The machine itself is not synced: its position
// is in the same batch as what was applied, and what a crash takes away is applied again from the log.
//
// A proposal can get lost on its way to the leader, so it is proposed again until it is applied or nobody waits for it. Every
// command has a name; the machine remembers the names of the last sessionWindow entries and what became of them, as a
// part of the replicated state and of every snapshot. A command also says which position its proposer had applied: one that is
// applied more than sessionWindow entries after that is refused, because its name might have been forgotten. So no command
// is applied twice, however late a copy arrives.
//
// A write is reported as not written only if it was never given to the library, or was applied as a refusal.
// After anything else it may be in some log, and is reported as perhaps written.
//
// # Reads
//
// All reads are answered from the machine of the node that was asked.
//
//   - read-index (section 6.4 of Ongaro's dissertation): the leader notes its commit position, has a majority confirm that it
//     is still the leader, and the node that was asked waits until it has applied up to there. A leader that has not committed an entry
//     of its own term waits until it has, because it may not know of what the one before committed (also one that is the only voter: loop.unsure). Linearizable, whatever clocks do.
//   - lease: as read-index, but the confirmation may be older than the read, by less than a lease. A follower
//     that heard of the leader refuses to vote for another for an election timeout, by its monotonic clock. The lease is counted from
//     before the confirmation was asked for and is shorter (leaseTime), so that it ends before any follower that confirmed
//     it votes, as long as clocks differ in rate by less than a tenth. A node that was restarted does not remember of whom it
//     heard, and therefore votes for nobody for an election timeout. Linearizable under that assumption on clocks; steps of the wall clock do not matter.
//   - follower: what the node has applied, asking nobody. It is a prefix of the order of writes, so it is never a value that
//     was not written, and it converges; but it may be old, without bound while the node is cut off.
//   - max-lag: as follower, if the node knows that it has all that was acknowledged Options.MaxLag before the read, else as read-index. It knows that by
//     the last confirmation that it asked for at read-index: once it has applied up to where the leader was then, it has all that was acknowledged before it asked
//     (status.FreshAsOf), by its own monotonic clock and whoever leads. So one confirmation serves all reads of a node for as long as MaxLag.
//
// # Members
//
// Which nodes vote is a part of the replicated state (members). It changes by entries of the log, which the library carries out: one voter
// at a time, so that majorities before and after have a node in common, or jointly where one is exchanged for another (section 6 of the paper). An entry
// counts only after the epoch that it was made for, so that a copy which comes late changes nothing. A node that is added is a learner until it has caught up.
//
// A vote and an acknowledgement are promises of a directory. Therefore a node that joins with an empty one has a new identity, and one that was removed never
// comes back. First members have the identity of their place, for all nodes must name them before any has spoken; so messages say from which
// directory they come and for which they are, and what does not fit counts for nothing (loop.admit). A first member whose directory is new votes, acknowledges and stands for election
// only after needKnown of the other first members have noted the number of that directory, durably; a directory notes one of each other node, the first that it hears of, and no second. Say that two
// directories of one member came to count. Any two sets of needKnown others have at least half of the members, rounded down, in common. Each of these has noted one of the two and then the other, so that it has lost its own
// directory meanwhile; with the member itself that is a majority. So as long as no majority of the first members loses its directories, one that comes back
// with a wiped one and does not say so (Options.Join) stays silent, or is told what it has lost, and nothing that was acknowledged is lost by it. The price is paid at the first start of
// a group: with three members all must be there at once, of five four. Answers name the directory, so that a late one to a directory that is gone counts for nothing.
//
// Removed nodes disturb no election: a vote needs a prevote, which nobody gives who hears of a leader, and nobody who knows that the one who asks was removed. A lease outlasts changes: a later
// leader is elected by a majority that meets, change by change, one that the earlier leader spoke to when it made that change.
package consensus

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
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

// Mode is the name of the mode in which a node is one such group.
const Mode = "raft"

// The levels of reads; writes have one.
const (
	LevelMajority  = "majority"
	LevelReadIndex = "read-index"
	LevelLease     = "lease"
	LevelFollower  = "follower"
	LevelMaxLag    = "max-lag"
)

// ReadLevels are those of reads, the default first.
func ReadLevels() []string { return []string{LevelReadIndex, LevelLease, LevelFollower, LevelMaxLag} }

// Options are what the mode has to be told beyond the node.
type Options struct {
	// ElectionTimeout is how long a follower waits for a leader, and up to twice as long. A leader is heard of ten times in it.
	ElectionTimeout time.Duration
	// LogEntries is how many applied entries are kept for followers that lag, at least; there are at most twice as many.
	// A follower that needs an earlier one gets a snapshot.
	LogEntries int
	// MaxLag is beyond which a read at LevelMaxLag has the leader confirmed.
	MaxLag time.Duration
	// Service is the name of this group among those of one node; empty when it is the node's mode.
	Service string
	// Group marks the data directory, so that it is not taken for that of another group of the node; empty where there is none.
	Group string
	// Mode is the node's mode where that is another, made of such groups. Settings are those of it that all nodes must share, spelled for
	// people; they belong to the data directory.
	Mode, Settings string
	// Members are the nodes that vote at first, all when it is empty: the same on all nodes, and a part of what belongs to the data directory.
	Members []string
	// Join is of a node that begins without data and is to be made a member; it counts for nothing in a directory that is not empty.
	Join bool
	// Procedure carries out calls, where the group has more than writes of one key; see Engine.Call.
	Procedure Procedure
}

// Validate reports what cannot be served by these nodes.
func (o Options) Validate(nodes []string) error {
	var errs []error
	for i, m := range o.Members {
		switch {
		case !slices.Contains(nodes, m):
			errs = append(errs, fmt.Errorf("members: no node %q; there are: %s", m, strings.Join(nodes, ", ")))
		case slices.Contains(o.Members[:i], m):
			errs = append(errs, fmt.Errorf("members: %s is named twice", m))
		}
	}
	if o.ElectionTimeout < 50*time.Millisecond || o.ElectionTimeout > time.Minute {
		errs = append(errs, fmt.Errorf("election_timeout: %s must be between 50ms and 1m", o.ElectionTimeout))
	}
	if o.MaxLag < 0 || o.MaxLag > time.Hour {
		errs = append(errs, fmt.Errorf("max_lag: %s must be between 0s and 1h", o.MaxLag))
	}
	if o.LogEntries < 1 || o.LogEntries > 1<<20 {
		errs = append(errs, fmt.Errorf("log_entries: %d must be between 1 and %d", o.LogEntries, 1<<20))
	}
	return errors.Join(errs...)
}

// Engine is the mode on one node. Make it with Open.
type Engine struct {
	*group.Group
	node   engine.Node
	opts   Options
	db     *pebble.DB
	disk   *latefs.FS
	places map[string]uint64 // of nodes, by name: their place among all names
	names  map[uint64]string // by place
	first  members           // before any change
	self   identity          // of this node's directory
	told   atomic.Pointer[verdict]
	// confirmed says that enough others know this directory, and knownBy how many said so since the start.
	confirmed atomic.Bool
	knownBy   atomic.Int64
	joining   atomic.Pointer[[]string] // first members that do not say, as they were started to join
	desk      *forward.Desk
	deliver   func(node string, b []byte) error // the links; an error says that it is lost
	// snapshotOf receives the state of a node as the generation after this one.
	snapshotOf func(node string, generation uint64) (staged, error)
	helper     atomic.Pointer[string] // the member that has last carried out a request for this node, which is none
	http       *http.Client
	machine    *machine
	started    time.Time
	oldLife    bool   // this node may have heard of a leader before it was started
	life       uint64 // of this process, among all that this node has had

	messages     chan message
	proposals    chan *proposal
	changes      chan *change
	readRequests chan *readRequest
	served       chan uint64 // followers that were sent a snapshot
	status       atomic.Pointer[status]
	stats        engine.Requests
	requests     atomic.Uint64
	snapshots    atomic.Int64

	open   sync.RWMutex // held for reading by whoever uses db outside of the loop
	closed bool
}

var _ engine.Engine = (*Engine)(nil)

// Open opens the data directory, starts to connect to peers and takes part in elections. Call Close afterwards.
func Open(node engine.Node, o Options) (*Engine, error) {
	e, l, err := assemble(node, o)
	if err != nil {
		return nil, err
	}
	e.FlushLate(e.disk)
	e.Run(e.receive, l.run)
	return e, nil
}

// assemble opens the data directory and makes all that runs, idle.
func assemble(node engine.Node, o Options) (*Engine, *loop, error) {
	e := &Engine{node: node, opts: o, places: map[string]uint64{}, names: map[uint64]string{}, started: time.Now(), life: rand.Uint64(),
		http: impatient(max(4*node.PeerTimeout, time.Second), node.TLS), messages: make(chan message, inbox), proposals: make(chan *proposal, drain),
		changes: make(chan *change, 1), readRequests: make(chan *readRequest, drain), served: make(chan uint64, 1)}
	names := node.Names()
	slices.Sort(names)
	for i, name := range names {
		e.places[name], e.names[uint64(i+1)] = uint64(i+1), name
	}
	e.first = firstMembers(e.places, o.Members)
	e.status.Store(&status{Members: e.first})
	e.disk = latefs.New(node.FS, func() bool { return node.Defects.Has(defect.LogNotSynced) })
	data := dataOf(node, o)
	data.FS = e.disk
	db, err := storage.OpenDB(data)
	if err != nil {
		return nil, nil, err
	}
	e.db = db
	l, err := e.load(peer.Identity{Ring: data.Ring, Mode: data.Mode, Settings: o.Settings, Service: o.Service})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return e, l, nil
}

// Known reports, without writing anything, whether the data directory has been opened for this node and group before, and whether with all others of the node
// (MarkWhole). One of another is refused.
func Known(node engine.Node, o Options) (known, whole bool, err error) {
	return storage.InspectWhole(dataOf(node, o))
}

// MarkWhole notes durably that the directories of all groups of this node have been opened: if one of them is missing later, it was lost.
func (e *Engine) MarkWhole() error { return storage.MarkWhole(e.db, dataOf(e.node, e.opts)) }

// dataOf is whose data a node's directory has to hold.
func dataOf(node engine.Node, o Options) storage.Options {
	names := node.Names()
	slices.Sort(names)
	of := o.Mode
	if of == "" {
		of = Mode
	}
	settings := strings.TrimSpace(of + " " + o.Settings)
	if m := slices.Sorted(slices.Values(o.Members)); len(m) > 0 && !slices.Equal(m, names) {
		settings += " members " + strings.Join(m, "+")
	}
	digest := group.Digest(settings, names)
	return storage.Options{Dir: node.DataDir, Mode: of, Node: node.Name, Ring: digest, Group: o.Group, FS: node.FS, Logger: node.Logger}
}

// load makes this node what its directory says that it is.
func (e *Engine) load(id peer.Identity) (*loop, error) {
	m, err := openMachine(e.db, func() bool { return e.node.Defects.Has(defect.RetryAppliesTwice) }, e.opts.Procedure)
	if err != nil {
		return nil, err
	}
	m.first = e.first
	log, err := openLog(e.db, e.node.Fsync, m.now().state(), m.applied)
	if err != nil {
		return nil, err
	}
	last, err := log.LastIndex()
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	if e.self, err = e.identify(last > 0); err != nil {
		return nil, err
	}
	if err := e.confirm(last > 0); err != nil {
		return nil, err
	}
	e.machine, e.oldLife = m, last > 0 || e.confirmed.Load()
	e.status.Store(&status{Applied: m.applied, Members: m.now()}) // before the loop says more: what is proposed names it
	e.Group = group.New(e.node, id)
	e.desk = forward.NewDesk(forward.Options{Stopping: e.Context, Send: e.sendParcel, Lost: e.Links.Lost, Serve: e.serve, Timeout: e.node.RequestTimeout,
		Most: e.node.MaxRequests, Logger: e.node.Logger})
	e.deliver, e.snapshotOf = e.Links.Send, e.fetch
	l, err := newLoop(e, log, m)
	if err != nil {
		e.Group.Close()
		return nil, err
	}
	return l, nil
}

// Close implements engine.Engine.
func (e *Engine) Close() error {
	e.Group.Close()
	e.http.CloseIdleConnections()
	e.open.Lock()
	defer e.open.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	if err := e.db.Close(); err != nil {
		return fmt.Errorf("close data directory %s: %w", e.node.DataDir, err)
	}
	return nil
}

// enter keeps the database open until leave is called.
func (e *Engine) enter() (leave func(), err error) {
	e.open.RLock()
	if e.closed {
		e.open.RUnlock()
		return nil, storage.ErrClosed
	}
	return e.open.RUnlock, nil
}

func (e *Engine) election() time.Duration { return e.opts.ElectionTimeout }

func (e *Engine) tick() time.Duration { return e.opts.ElectionTimeout / electionTicks }

func (e *Engine) majority() int { return quorum.Majority(len(e.status.Load().Members.Voters)) }
