// Package sharded is the engine in which keys are parted by their hash into shards, each a raft group of all nodes (package consensus), and
// transactions go across shards by two-phase commit over these groups: Gray, "Notes on Data Base Operating Systems" (1978), with participants and
// coordinator's record replicated as in Corbett et al., "Spanner" (2012), and Gray and Lamport, "Consensus on Transaction Commit" (2006).
//
// # The protocol
//
// The node that takes a transaction coordinates it. The shard of its first key is its home.
//
//   - Each shard is asked to prepare, in parallel: a call in the log of its group. Where it is applied, the shard evaluates the operations, locks
//     the keys (readers share, a writer is alone), keeps what is to be written, and votes. A key that another has locked is a vote to
//     abort at once: nobody waits for a lock, so there is no deadlock.
//   - When all have voted to commit, the decision goes into the log of the home shard. Only then is a shard told.
//   - Each shard is told to finish: it writes and unlocks.
//
// A transaction in one shard is one call, which looks at the locks and takes none.
//
// # It is strictly serializable
//
// A shard is a state machine: calls happen in the order of its log, each at one moment between its proposal and its answer, once. So "the shard" below is one
// thing that does not fail, whatever nodes do, as long as a majority comes back with its disks.
//
// Say that a transaction happens when its decision to commit is applied in its home shard, or its one call in its only shard. That is
// between its request and its answer. At that moment it holds all its locks, those of reads too: the coordinator proposes a commit after all shards have
// answered that they are prepared, and a shard unlocks only when told to finish, after a decision, of which there is one (below). So of
// two transactions of which one writes a key that the other has read or written, whose locks exclude each other, one has finished in that key's
// shard before the other prepared there; it happened first, and the other saw what it left. The order in which transactions happen is therefore one in
// which each sees what those before it have written. A transaction of one shard is at its moment excluded by all locks in its way, so that the same holds of it.
//
// There is one decision. The home shard keeps the first that is applied and answers all later ones with it. A coordinator that has given up proposes no commit. A shard
// that has heard nothing for a request's timeout asks the home shard for a decision by proposing to abort: either a commit stands, or from then on abort does, and a commit that
// was on its way comes too late. No decision means abort, so that one to abort need not be kept for ever: a call to commit says
// which position of the home shard's log came before the transaction's first prepare, and is an abort if it is applied more than window entries after that, while a decision to abort is kept
// for window entries, and can only be later than that position. A decision to commit is forgotten when all shards have finished: none can ask any more, as a
// call to prepare is applied at most once.
//
// A prepare that arrives after the decision to abort locks keys until the shard asks. A crash of the coordinator leaves nothing but that: whoever leads a shard's group looks
// for what was prepared long ago, and for decisions to commit of which not all is known to have finished, and carries them out.
//
// # Reads of one key
//
// A read is answered by the node that was asked, after the leader was confirmed (read-index), and looks for a writer's lock before it looks at the value; if there is
// one, it waits and looks again. The value is the one at some moment after the lock was looked for: of a transaction that happened before the
// read began the shard has either finished, or has the lock still.
//
// # What is not written
//
// A transaction is reported as not written when no commit of it was proposed, or an abort stands. When a commit was proposed and not seen
// to be applied it is reported as perhaps written.
//
// # The cheaper ways
//
//   - NoReadLocks: reads neither lock nor look at locks. Writers still exclude each other, and what is read was committed; but two reads of a transaction are of two
//     moments, neither of which is that of its decision: read skew and write skew.
//   - MemoryCoordinator: the decision is in the coordinator's memory, and shards are told at once. A shard that hears nothing aborts by itself. When the coordinator is killed, paused
//     or cut off between two shards, one has committed and the other aborts: half a transaction, for ever.
//   - BestEffort: each shard's part is one call of its own, one shard after the other. Transactions interleave between the
//     parts, and one that fails half-way stays so.
package sharded

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// Mode is the mode's name.
const Mode = "sharded"

// MaxShards bounds the shards: each is a database, a log and an election of its own.
const MaxShards = 16

// Transactions is how transactions across shards are carried out.
type Transactions string

// The ways, the first of which keeps its promise whatever happens.
const (
	TwoPhaseCommit    Transactions = "two-phase-commit"
	NoReadLocks       Transactions = "no-read-locks"
	MemoryCoordinator Transactions = "memory-coordinator"
	BestEffort        Transactions = "best-effort"
)

// AllTransactions are the ways, the default first.
func AllTransactions() []string {
	return []string{string(TwoPhaseCommit), string(NoReadLocks), string(MemoryCoordinator), string(BestEffort)}
}

// ReadLevels are those of reads of one key, the default first; LevelFollower is what the node has, without a look at locks.
func ReadLevels() []string { return []string{consensus.LevelReadIndex, consensus.LevelFollower} }

// Options are what the mode has to be told beyond the node.
type Options struct {
	Shards          int
	Transactions    Transactions
	ElectionTimeout time.Duration // as in package consensus, of every shard
	LogEntries      int           // as in package consensus, of every shard
	MaxValueBytes   int           // of a value that operations make
}

// Validate reports what cannot be served.
func (o Options) Validate() error {
	var errs []error
	if o.Shards < 1 || o.Shards > MaxShards {
		errs = append(errs, fmt.Errorf("shards: %d must be between 1 and %d", o.Shards, MaxShards))
	}
	if !slices.Contains(AllTransactions(), string(o.Transactions)) {
		errs = append(errs, fmt.Errorf("transactions: %q is not known: there is %s", o.Transactions, strings.Join(AllTransactions(), ", ")))
	}
	return errors.Join(append(errs, consensus.Options{ElectionTimeout: o.ElectionTimeout, LogEntries: o.LogEntries}.Validate(nil))...)
}

// group is a shard as this node is in it: consensus.Engine.
type group interface {
	Call(ctx context.Context, body []byte) ([]byte, error)
	Read(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error)
	Local(key string) (record.Record, error)
	Scan(prefix, after string, limit int) ([]consensus.Pair, error)
	Position(ctx context.Context) (uint64, error)
	Leading() bool
	Ring(key string) protocol.Ring
	Describe(h *protocol.Health)
	RegisterGroup(r prometheus.Registerer)
	Routes() map[string]http.Handler
	Close() error
}

// Engine is the mode on one node. Make it with Open.
type Engine struct {
	node    engine.Node
	opts    Options
	shards  []group
	life    uint64 // of this process, among all that this node has had
	last    atomic.Uint64
	stats   engine.Requests
	counts  counts
	forgets chan decided

	ctx        context.Context // ends with Close
	stop       context.CancelFunc
	background sync.WaitGroup
	ending     sync.RWMutex // held for reading while something is begun in the background
	closed     bool
}

var (
	_ engine.Engine     = (*Engine)(nil)
	_ engine.Transactor = (*Engine)(nil)
)

// Open opens the data directory, in which every shard but the first has one of its own, and takes part in all groups. Call Close afterwards.
func Open(node engine.Node, o Options) (*Engine, error) {
	e := &Engine{node: node, opts: o, life: rand.Uint64(), forgets: make(chan decided, forgetting)}
	e.ctx, e.stop = context.WithCancel(context.Background())
	if err := e.complete(); err != nil {
		e.stop()
		return nil, err
	}
	e.shards = make([]group, o.Shards)
	// The first comes last: in data from before shards were marked as whole, its directory says that all others were made.
	var opened []*consensus.Engine
	for i := o.Shards - 1; i >= 0; i-- {
		g, err := e.open(i)
		if err != nil {
			e.shards = e.shards[i+1:]
			return nil, errors.Join(err, e.Close())
		}
		e.shards[i] = g
		opened = append(opened, g)
	}
	for _, g := range opened {
		if err := g.MarkWhole(); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	e.background.Go(e.recover)
	e.background.Go(e.forgetAll)
	return e, nil
}

// complete refuses, before anything is written, data of others, shards that are in each other's place, and a directory that has lost a shard, be it the first: opened
// empty, that would vote as if it had never acknowledged anything. A start that was killed before all shards were there has lost none.
func (e *Engine) complete() error {
	was, lost := false, ""
	for i := range e.opts.Shards {
		n, o := e.place(i)
		known, whole, err := consensus.Known(n, o)
		if err != nil {
			return err
		}
		was = was || whole || i == 0 && known
		if !known && lost == "" {
			lost = fmt.Sprintf("%s, which belongs at %s", shardName(i), n.DataDir)
		}
	}
	if was && lost != "" {
		return fmt.Errorf("data directory %s has lost %s: put it back; with an empty directory this node takes no part in its shards any more, and has the others answer its clients", e.node.DataDir, lost)
	}
	return nil
}

// place is where a shard is and whose it is. The first is in the data directory itself.
func (e *Engine) place(i int) (engine.Node, consensus.Options) {
	n, name := e.node, shardName(i)
	n.Logger = n.Logger.With("group", name)
	if i > 0 {
		n.DataDir = filepath.Join(n.DataDir, name)
	}
	return n, consensus.Options{ElectionTimeout: e.opts.ElectionTimeout, LogEntries: e.opts.LogEntries,
		Service: name, Group: name, Mode: Mode, Settings: fmt.Sprintf("shards %d, transactions %s", e.opts.Shards, e.opts.Transactions)}
}

// open opens a shard.
func (e *Engine) open(i int) (*consensus.Engine, error) {
	n, o := e.place(i)
	name, s := shardName(i), &shard{}
	o.Procedure = func(st *consensus.State, body []byte) ([]byte, error) {
		a, err := s.apply(st, body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return a.marshal()
	}
	g, err := consensus.Open(n, o)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return g, nil
}

func shardName(i int) string { return fmt.Sprint("shard-", i+1) }

// shardOf is the shard of a key.
func (e *Engine) shardOf(key string) int { return ShardOf(key, len(e.shards)) }

// ShardOf is the shard, from 0, among so many that has a key.
func ShardOf(key string, shards int) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))            // never fails
	return int(h.Sum64() % uint64(shards)) //nolint:gosec // below their number
}

// later has f done in the background, which Close waits for; it reports false when it is too late for that.
func (e *Engine) later(f func()) bool {
	e.ending.RLock()
	defer e.ending.RUnlock()
	if e.closed {
		return false
	}
	e.background.Go(f)
	return true
}

// Close implements engine.Engine.
func (e *Engine) Close() error {
	e.stop()
	e.ending.Lock()
	e.closed = true
	e.ending.Unlock()
	var errs []error
	for _, g := range e.shards {
		errs = append(errs, g.Close())
	}
	e.background.Wait()
	return errors.Join(errs...)
}
