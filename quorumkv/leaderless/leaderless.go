// Package leaderless is the engine in which any node coordinates, over N equal replicas of each key. What it promises,
// and why, is said by package coordinator, which carries the requests out; here its parts are put together.
package leaderless

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/quorumkv/antientropy"
	"github.com/lapse-test/lapse/quorumkv/coordinator"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/peer"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/quorum"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// Mode is the mode's name.
const Mode = "leaderless"

// forgetFor is how long the defect forget-unsynced keeps writes from the disk.
const forgetFor = 5 * time.Second

// restOfTrees keeps the building of hash trees below a twentieth of a processor for each peer.
const restOfTrees = 20

// Options are what the mode has to be told beyond the node.
type Options struct {
	Replication   int                   // N, replicas of a key
	Members       []string              // nodes that hold keys before the first change of that; all when empty
	Join          bool                  // this node begins without data, and is to be made a member by a change
	Partitioner   placement.Partitioner // which of the members those are
	VirtualNodes  int                   // points of each node on the ring, of partitioner ring
	SplitPoints   []string              // the first keys of all ranges but the first, of partitioner range
	ReadRepair    coordinator.ReadRepair
	HintedHandoff bool
	MaxHints      int // kept for one peer
	Timestamps    coordinator.Timestamps
	Sloppy        bool          // nodes further on the ring stand in for replicas that are away
	AntiEntropy   time.Duration // between comparisons with other replicas; 0 for none
	Grace         time.Duration // after which tombstones are removed; 0 for never
}

// Validate reports what cannot be served by these nodes.
func (o Options) Validate(nodes []string) error {
	var errs []error
	if _, err := o.placement(o.first(nodes)); err != nil {
		errs = append(errs, err)
	}
	for i, m := range o.Members {
		switch {
		case !slices.Contains(nodes, m):
			errs = append(errs, fmt.Errorf("members: %q is none of the nodes: name it among the peers too", m))
		case slices.Contains(o.Members[:i], m):
			errs = append(errs, fmt.Errorf("members: %s is named twice", m))
		}
	}
	switch o.ReadRepair {
	case coordinator.RepairOff, coordinator.RepairAsync, coordinator.RepairBlocking:
	default:
		errs = append(errs, fmt.Errorf("read_repair: %q is not off, async or blocking", o.ReadRepair))
	}
	switch o.Timestamps {
	case coordinator.FromCoordinator, coordinator.FromQuorum:
	default:
		errs = append(errs, fmt.Errorf("write_timestamps: %q is not coordinator or quorum", o.Timestamps))
	}
	if o.Sloppy && !o.HintedHandoff {
		errs = append(errs, errors.New("sloppy_quorum: needs hinted_handoff, by which what stood in reaches the replicas"))
	}
	if o.AntiEntropy != 0 && (o.AntiEntropy < 10*time.Millisecond || o.AntiEntropy > 24*time.Hour) {
		errs = append(errs, fmt.Errorf("anti_entropy: %s must be 0 (none) or between 10ms and 24h", o.AntiEntropy))
	}
	if o.Grace != 0 && (o.Grace < 100*time.Millisecond || o.Grace > 10*365*24*time.Hour) {
		errs = append(errs, fmt.Errorf("tombstone_grace: %s must be 0 (for ever) or between 100ms and ten years", o.Grace))
	}
	if o.MaxHints < 1 {
		errs = append(errs, fmt.Errorf("max_hints: %d must be at least 1; to keep none, switch hinted_handoff off", o.MaxHints))
	}
	return errors.Join(errs...)
}

// first are the members before any change.
func (o Options) first(nodes []string) []string {
	if len(o.Members) > 0 {
		return o.Members
	}
	return nodes
}

// fixed is why the members cannot change with these options.
func (o Options) fixed() error {
	switch {
	case o.Sloppy:
		return errors.New("members cannot change with sloppy_quorum: what stands in for a replica is not where a change looks")
	case o.Grace > 0:
		return errors.New("members cannot change with tombstone_grace: a node that was a member before would bring back what was deleted since")
	}
	return nil
}

// placement is where keys are on these nodes, or what is wrong with the settings of it.
func (o Options) placement(nodes []string) (placement.Placement, error) {
	return placement.New(placement.Options{Partitioner: o.Partitioner, Nodes: nodes, Replication: o.Replication,
		VirtualNodes: o.VirtualNodes, SplitPoints: o.SplitPoints})
}

// Engine is the mode on one node. Make it with Open.
type Engine struct {
	node engine.Node
	opts Options
	// id is whose data the directory is, and whom peers must agree with: of all nodes, whoever the members are.
	id      peer.Identity
	members *membership.Keeper
	mover   *membership.Mover
	store   *storage.Store
	local   *replica.Replica
	links   peer.Links
	mesh    *peer.Mesh
	peers   *peer.Server
	coord   *coordinator.Coordinator
	sync    *antientropy.Syncer
	dirs    *membership.Directories

	ranges ranges

	background sync.WaitGroup
	stop       context.CancelFunc // of links and the flusher
}

// ranges are what reads of ranges of keys have cost.
type ranges struct{ reads, asked atomic.Int64 }

var _ engine.Engine = (*Engine)(nil)

// Open opens the data directory and starts to connect to peers. Call Close afterwards.
func Open(node engine.Node, o Options) (*Engine, error) {
	place, err := o.placement(node.Names())
	if err != nil {
		return nil, err
	}
	id := peer.Identity{Node: node.Name, Nodes: node.Whole(), Ring: place.Digest(), Mode: Mode, Settings: fmt.Sprintf("replication=%d, %s", o.Replication, place.Settings())}
	if len(o.Members) > 0 && len(o.Members) < len(node.Names()) {
		first := strings.Join(slices.Sorted(slices.Values(o.Members)), " ")
		id.Ring += " members " + first
		id.Settings += ", members=" + first
	}
	store, err := storage.Open(storage.Options{Dir: node.DataDir, Mode: Mode, Node: node.Name, Partitioner: string(o.Partitioner), Ring: id.Ring, Fsync: node.Fsync,
		FS: node.FS, Logger: node.Logger, MaxHints: o.MaxHints})
	if err != nil {
		return nil, err
	}
	e := &Engine{node: node, opts: o, id: id, store: store, local: replica.New(store, node.Clock, node.Defects)}
	e.members, err = membership.NewKeeper(node.Name, store, o.placement, membership.First(o.first(node.Names())), o.Join)
	if errors.Is(err, membership.ErrHoldsRecords) {
		err = &engine.SettingError{Reason: fmt.Sprintf("join: data directory %s has data: leave --join out, or give this node an empty directory", node.DataDir)}
	}
	if err == nil {
		e.dirs, err = membership.NewDirectories(store, e.members, o.Join, o.fixed() != nil, node.Logger)
	}
	if err == nil {
		err = e.goesOn()
	}
	if err == nil && o.Sloppy {
		// Before anything stands in for anything: until it is known to be gone, members cannot change.
		err = store.SetNote(stoodIn, []byte("true"))
	}
	if err == nil {
		err = e.DefectsChanged()
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	e.start()
	return e, nil
}

func (e *Engine) start() {
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	id := e.id
	if e.opts.Sloppy {
		id.Settings += ", sloppy_quorum=true" // whose nodes leave writes where others do not look for them
	}
	if e.opts.Grace > 0 {
		id.Settings += fmt.Sprintf(", tombstone_grace=%s", e.opts.Grace) // whose nodes would give each other what they purge
	}
	// Requests of all peers together; each of a peer's clients' requests may ask twice.
	e.peers = peer.NewServer(id, e.local, 4*e.node.MaxRequests, e.node.PeerTimeout, e.node.Logger)
	e.links = peer.NewLinks(id, e.node.Peers, e.node.TLS, e.node.PeerTimeout, e.node.Logger, func(p string) {
		e.coord.PeerUp(p)
		e.background.Go(func() { e.mover.PeerUp(ctx, p) })
	})
	e.peers.Tell(e.dirs)
	e.links.Tell(e.dirs)
	e.mesh = peer.NewMesh(e.node.Name, e.local, e.links)
	e.local.Guard(e.members)
	e.mesh.OnStale(func(b []byte) {
		if err := e.members.Learn(b); err != nil {
			e.node.Logger.Error("the members have changed, and this node cannot follow", "error", err)
		}
	})
	nodes := slices.Sorted(slices.Values(e.node.Names()))
	e.mover = membership.NewMover(membership.Options{Self: e.node.Name, Nodes: nodes, Keeper: e.members, Store: e.store, Clock: e.node.Clock,
		Call: e.links.Call, Allowed: e.mayChange, Timeout: e.node.PeerTimeout, Logger: e.node.Logger})
	e.peers.OnCall(e.mover.Answer)
	e.coord = coordinator.New(coordinator.Options{
		Self: e.node.Name, Nodes: nodes, Members: e.members, Transport: e.mesh, Store: e.store,
		Clock: e.node.Clock, Defects: e.node.Defects, ReadRepair: e.opts.ReadRepair, HintedHandoff: e.opts.HintedHandoff,
		Timestamps: e.opts.Timestamps, Sloppy: e.opts.Sloppy, RequestTimeout: e.node.RequestTimeout, PeerTimeout: e.node.PeerTimeout, Logger: e.node.Logger,
	})
	others := slices.DeleteFunc(e.node.Names(), func(n string) bool { return n == e.node.Name })
	slices.Sort(others)
	e.sync = antientropy.New(antientropy.Options{Self: e.node.Name, Peers: others, Shared: func(key, a, b string) bool {
		v := e.members.View()
		return v.Holds(key, a) && v.Holds(key, b)
	}, Store: e.store, Apply: e.local.Apply,
		Send: func(to string, b []byte) error { return e.links[to].Send(b) }, Wall: func() time.Time { return time.Now().Add(e.node.Clock.Offset()) },
		Rest: restOfTrees, Interval: e.opts.AntiEntropy, Grace: e.opts.Grace, Defects: e.node.Defects, Logger: e.node.Logger})
	e.peers.OnMessage(e.sync.Receive)
	e.links.Run(ctx, &e.background)
	e.background.Go(func() { e.sync.Run(ctx) })
	e.background.Go(func() { e.mover.Run(ctx) })
	e.background.Go(func() { e.flushForgotten(ctx) })
}

// Close implements engine.Engine.
func (e *Engine) Close() error {
	e.stop()
	e.coord.Close()
	e.peers.Close()
	e.background.Wait()
	return e.store.Close()
}

// CompareAndSet implements engine.Engine: there is no order of writes to compare with.
func (e *Engine) CompareAndSet() bool { return false }

// Write implements engine.Engine. Levels are those of package quorum.
func (e *Engine) Write(ctx context.Context, req engine.WriteRequest) (engine.WriteResult, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	level, err := parseLevel(req.Level, "w", quorum.Quorum)
	if err == nil && req.If != nil {
		err = &engine.Error{Code: engine.CodeUnsupported, Message: "compare-and-set needs a mode that agrees on one order of writes; mode leaderless cannot give it"}
	}
	if err == nil && req.Request != "" {
		err = &engine.Error{Code: engine.CodeUnsupported, Message: "a named request needs a mode that agrees on one order of writes; mode leaderless cannot tell a retry from another write"}
	}
	if err == nil {
		err = e.agrees(ctx)
	}
	if err != nil {
		err.Outcome = engine.NotWritten
		return engine.WriteResult{}, err
	}
	res, failed := e.coord.Write(ctx, coordinator.WriteRequest{Key: req.Key, Value: req.Value, Delete: req.Delete, W: level})
	return engine.WriteResult{Version: res.Version, W: res.W, Acked: res.Acked}, failed
}

// Read implements engine.Engine.
func (e *Engine) Read(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	r, err := parseLevel(req.Level, "r", quorum.Quorum)
	if err != nil {
		return engine.ReadResult{}, err
	}
	w, err := parseLevel(req.WriteLevel, "w", quorum.Level{})
	if err == nil {
		err = e.agrees(ctx)
	}
	if err != nil {
		return engine.ReadResult{}, err
	}
	res, failed := e.coord.Read(ctx, coordinator.ReadRequest{Key: req.Key, R: r, W: w})
	return engine.ReadResult{Record: res.Record, R: res.R, Answered: res.Answered, Repaired: res.Repaired}, failed
}

func parseLevel(s, what string, otherwise quorum.Level) (quorum.Level, *engine.Error) {
	if s == "" {
		return otherwise, nil
	}
	l, err := quorum.ParseLevel(s)
	if err != nil {
		return l, &engine.Error{Code: engine.CodeBadLevel, Message: what + ": " + err.Error()}
	}
	return l, nil
}

// bounded gives a request its time from its beginning, where it may have to wait until peers were tried. Afterwards it has it from whoever carries it out.
func (e *Engine) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if e.links.AllTried() {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, e.node.RequestTimeout)
}

// agrees is an error while a peer is known to be configured otherwise: what is written here would not be seen there. Each peer is tried once before
// anything is served.
func (e *Engine) agrees(ctx context.Context) *engine.Error {
	if err := e.links.Tried(ctx, e.node.RequestTimeout); err != nil {
		return &engine.Error{Code: engine.CodeUnavailable, Message: err.Error()}
	}
	if err := e.links.Disagreement(); err != nil {
		return &engine.Error{Code: engine.CodeDisagreement, Message: "nothing is served: " + err.Error()}
	}
	return nil
}

// Local implements engine.Engine.
func (e *Engine) Local(key string) (record.Record, error) { return e.local.Read(key) }

// Routes implements engine.Engine.
func (e *Engine) Routes() map[string]http.Handler {
	return map[string]http.Handler{"GET " + peer.Path: e.peers}
}

// DefectsChanged implements engine.Engine.
func (e *Engine) DefectsChanged() error {
	e.store.PassCache(e.node.Defects.Has(defect.CacheOutlivesPages))
	return e.store.SetForget(e.node.Defects.Has(defect.ForgetUnsynced))
}

// flushForgotten writes late, but not never, what the defect forget-unsynced keeps in memory.
func (e *Engine) flushForgotten(ctx context.Context) {
	tick := time.NewTicker(forgetFor)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := e.store.Flush(); err != nil {
				e.node.Logger.Error("late flush", "error", err)
			}
		}
	}
}

// Ring implements engine.Engine.
func (e *Engine) Ring(key string) protocol.Ring {
	place := e.members.View().Read
	out := protocol.Ring{Key: key, Replication: place.N(), Partitioner: string(place.Partitioner()), VirtualNodes: place.VirtualNodes(),
		SplitPoints: place.SplitPoints(), Digest: place.Digest()}
	for _, n := range place.Nodes() {
		out.Nodes = append(out.Nodes, protocol.Node{Name: n, Address: e.links.Addr(n, e.node.Listen), Owned: place.Owned(n)})
	}
	if key != "" {
		for _, n := range e.coord.Replicas(key) {
			out.Replicas = append(out.Replicas, protocol.Node{Name: n, Address: e.links.Addr(n, e.node.Listen)})
		}
	}
	return out
}

// Describe implements engine.Engine.
func (e *Engine) Describe(h *protocol.Health) {
	h.Mode, h.Replication, h.Lost = Mode, e.opts.Replication, e.members.Lost()
	h.ReadRepair, h.WriteTimestamps = string(e.opts.ReadRepair), string(e.opts.Timestamps)
	h.HintedHandoff, h.SloppyQuorum = &e.opts.HintedHandoff, e.opts.Sloppy
	if e.opts.AntiEntropy > 0 {
		h.AntiEntropy = e.opts.AntiEntropy.String()
	}
	if e.opts.Grace > 0 {
		h.TombstoneGrace = e.opts.Grace.String()
	}
	h.Peers = e.links.Describe()
	for name, p := range h.Peers {
		p.Hints = e.store.HintCount(name)
		h.Peers[name] = p
	}
}
