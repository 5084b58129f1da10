package coordinator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/quorum"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// kind is what a message between nodes asks for.
type kind int

const (
	kindReady kind = iota
	kindRead
	kindVersion
	kindApply
	kindCall // of membership
)

// message is a request on its way from a coordinator to a replica.
type message struct {
	from, to string
	kind     kind
	key      string
	value    string // of an apply
}

// fate decides what becomes of a message. It may block, which delays the message. Without an error the message is
// delivered; with one the sender gets the error, and after says whether the replica gets an apply all the same.
type fate func(ctx context.Context, m message) (after bool, err error)

// network connects real coordinators and replicas, under the control of a test.
type network struct {
	mu      sync.Mutex
	fate    fate
	nodes   map[string]*node
	names   []string
	moves   bool           // whether members change
	forbids string         // the node whose options forbid that
	late    sync.WaitGroup // messages delivered after their sender gave up
	closed  sync.Once
}

func (n *network) set(f fate) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fate = f
}

// node is a coordinator and a replica, which can be restarted under it.
type node struct {
	t       testing.TB
	name    string
	net     *network
	clock   *hlc.Clock
	defects *defect.Set
	coord   *Coordinator
	hints   *store // the coordinator's, which no crash takes

	mu      sync.Mutex
	fs      *vfs.MemFS
	store   *store
	replica *replica.Replica
	keeper  *membership.Keeper
	mover   *membership.Mover
	stop    func() // the mover, and waits for it
	place   func([]string) (placement.Placement, error)
	first   []string
	join    bool // it begins without data, if it begins
}

// View implements Members, as of the node's last start.
func (n *node) View() *membership.View {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.keeper.View()
}

// store is a node's between two crashes. It is closed when nobody uses it any more: thousands that stay open until a test ends fill the memory of a small machine.
type store struct {
	*storage.Store
	mu    sync.Mutex
	users int
}

func (s *store) use() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
}

func (s *store) leave(t testing.TB) {
	s.mu.Lock()
	s.users--
	last := s.users == 0
	s.mu.Unlock()
	if !last {
		return
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// with calls f with what the node is until its next crash; the store stays open meanwhile.
func (n *node) with(f func(*replica.Replica, *membership.Keeper, *membership.Mover)) {
	n.mu.Lock()
	s, r, k, m := n.store, n.replica, n.keeper, n.mover
	s.use()
	n.mu.Unlock()
	defer s.leave(n.t)
	f(r, k, m)
}

func (n *node) local() *replica.Replica {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.replica
}

type config struct {
	nodes, replication int
	members            int // the first of the nodes; all when 0
	partitioner        placement.Partitioner
	splits             []string
	repair             ReadRepair
	stamps             Timestamps
	hints              bool
	sloppy             bool
	peerTimeout        time.Duration
	requestTimeout     time.Duration
	maxSkew            time.Duration
}

func (c config) withDefaults() config {
	if c.nodes == 0 {
		c.nodes = 3
	}
	if c.replication == 0 {
		c.replication = 3
	}
	if c.partitioner == "" {
		c.partitioner = placement.Ring
	}
	if c.repair == "" {
		c.repair = RepairBlocking
	}
	if c.stamps == "" {
		c.stamps = FromQuorum
	}
	if c.peerTimeout == 0 {
		c.peerTimeout = 5 * time.Second
	}
	if c.requestTimeout == 0 {
		c.requestTimeout = 10 * time.Second
	}
	return c
}

// start makes nodes n1, n2, ... with real storage in memory.
func start(t testing.TB, c config) *network {
	t.Helper()
	c = c.withDefaults()
	net := &network{nodes: make(map[string]*node)}
	var names []string
	for i := range c.nodes {
		names = append(names, fmt.Sprint("n", i+1))
	}
	place := func(nodes []string) (placement.Placement, error) {
		return placement.New(placement.Options{Partitioner: c.partitioner, Nodes: nodes, Replication: c.replication,
			VirtualNodes: placement.DefaultVirtualNodes, SplitPoints: c.splits})
	}
	first := names
	if c.members > 0 {
		first = names[:c.members]
	}
	net.names = names
	for _, name := range names {
		n := &node{t: t, name: name, net: net, clock: hlc.NewClock(nil, c.maxSkew), defects: &defect.Set{}, fs: vfs.NewCrashableMem(), place: place, first: first}
		n.open()
		net.nodes[name] = n
	}
	for _, n := range net.nodes {
		n.hints = openStore(t, vfs.NewMem(), n.name)
		n.coord = New(Options{Self: n.name, Nodes: names, Members: n, Transport: endpoint{net, n.name}, Store: n.hints.Store,
			Clock: n.clock, Defects: n.defects, ReadRepair: c.repair, HintedHandoff: c.hints, Sloppy: c.sloppy, Timestamps: c.stamps,
			RequestTimeout: c.requestTimeout, PeerTimeout: c.peerTimeout, Logger: slog.New(slog.DiscardHandler)})
	}
	t.Cleanup(net.close)
	return net
}

// close ends all nodes, once.
func (n *network) close() {
	n.closed.Do(func() {
		for _, node := range n.nodes {
			node.coord.Close()
			node.stop()
		}
		n.late.Wait()
		for _, node := range n.nodes {
			node.store.leave(node.t)
			node.hints.leave(node.t)
		}
	})
}

func openStore(t testing.TB, fs vfs.FS, name string) *store {
	t.Helper()
	s, err := storage.Open(storage.Options{Dir: "data", Mode: "leaderless", Node: name, Ring: "test", Fsync: true, FS: fs,
		Logger: slog.New(slog.DiscardHandler), MaxHints: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return &store{Store: s, users: 1}
}

func (n *node) open() {
	n.store = openStore(n.t, n.fs, n.name)
	n.replica = replica.New(n.store.Store, n.clock, n.defects)
	var err error
	n.keeper, err = membership.NewKeeper(n.name, n.store.Store, n.place, membership.First(n.first), n.join)
	if err != nil {
		n.t.Fatal(err)
	}
	n.replica.Guard(n.keeper)
	n.stop = func() {}
	if n.net.moves {
		n.startMover()
	}
}

func (n *node) startMover() {
	mover := membership.NewMover(membership.Options{Self: n.name, Nodes: n.net.names, Keeper: n.keeper, Store: n.store.Store, Clock: n.clock,
		Call: endpoint{n.net, n.name}.Call, Allowed: func() error {
			if n.net.forbids == n.name {
				return errors.New("not here")
			}
			return nil
		}, Timeout: time.Second, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { mover.Run(ctx) })
	n.mover, n.stop = mover, func() { cancel(); wg.Wait() }
}

// withMovers lets members change.
func (n *network) withMovers() {
	n.moves = true
	for _, node := range n.nodes {
		node.mu.Lock()
		node.startMover()
		node.mu.Unlock()
	}
}

// crash cuts the node's power: the replica comes back with what was synced, and nothing else.
func (n *node) crash() {
	n.again(func() { n.fs = n.fs.CrashClone(vfs.CrashCloneCfg{}) })
}

// wipe takes the node's disk away. With join, it knows.
func (n *node) wipe(join bool) {
	n.again(func() { n.fs, n.join = vfs.NewCrashableMem(), join })
}

// again has the node begin anew after its disk has changed; what still goes on there has lost its own.
func (n *node) again(change func()) {
	n.mu.Lock()
	stop, old := n.stop, n.store
	change()
	n.open()
	n.mu.Unlock()
	stop()
	old.leave(n.t)
}

// endpoint is one coordinator's way into the network.
type endpoint struct {
	net  *network
	self string
}

// send asks the fate of a message and, if it is to be delivered, calls deliver.
func (e endpoint) send(ctx context.Context, m message, deliver func(r *replica.Replica) error) error {
	m.from = e.self
	e.net.mu.Lock()
	f := e.net.fate
	e.net.mu.Unlock()
	dest := e.net.nodes[m.to]
	if f != nil {
		after, err := f(ctx, m)
		if err != nil {
			if after && m.kind == kindApply {
				e.net.late.Go(func() { _ = dest.serve(deliver) })
			}
			return err
		}
	}
	return dest.serve(deliver)
}

// serve answers from the replica, unless that has crashed before the answer left.
func (n *node) serve(deliver func(r *replica.Replica) error) (err error) {
	n.with(func(r *replica.Replica, _ *membership.Keeper, _ *membership.Mover) {
		err = deliver(r)
		if err == nil && n.local() != r {
			err = errors.New("connection lost")
		}
	})
	return err
}

func (e endpoint) Ready(ctx context.Context, node string) error {
	return e.send(ctx, message{to: node, kind: kindReady}, func(*replica.Replica) error { return nil })
}

// answer carries a request out, and sends what became of it.
func (e endpoint) answer(ctx context.Context, node string, within time.Duration, to chan<- replica.Answer, ask func(ctx context.Context) (record.Record, error)) {
	go func() {
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		rec, err := ask(ctx)
		to <- replica.Answer{Node: node, Record: rec, Err: e.learn(err)}
	}()
}

func (e endpoint) Read(ctx context.Context, node string, epoch uint64, key string, within time.Duration, to chan<- replica.Answer) {
	e.answer(ctx, node, within, to, func(ctx context.Context) (rec record.Record, err error) {
		err = e.send(ctx, message{to: node, kind: kindRead, key: key}, func(r *replica.Replica) (err error) {
			var known bool
			if rec, known, err = r.KnownAt(epoch, key); !known {
				rec, err = r.ReadAt(epoch, key)
			}
			return err
		})
		return rec, err
	})
}

func (e endpoint) Version(ctx context.Context, node string, epoch uint64, key string, within time.Duration, to chan<- replica.Answer) {
	e.answer(ctx, node, within, to, func(ctx context.Context) (rec record.Record, err error) {
		err = e.send(ctx, message{to: node, kind: kindVersion, key: key}, func(r *replica.Replica) (err error) {
			rec.Version, err = r.VersionAt(epoch, key)
			return err
		})
		return rec, err
	})
}

func (e endpoint) Apply(ctx context.Context, node string, epoch uint64, key string, rec record.Record, within time.Duration, to chan<- replica.Answer) {
	e.answer(ctx, node, within, to, func(ctx context.Context) (record.Record, error) {
		m := message{to: node, kind: kindApply, key: key, value: string(rec.Value)}
		return record.Record{}, e.send(ctx, m, func(r *replica.Replica) error { return r.ApplyAt(epoch, key, rec) })
	})
}

// learn keeps what a replica says that refuses.
func (e endpoint) learn(err error) error {
	var stale *replica.StaleError
	if errors.As(err, &stale) {
		var failed error
		e.net.nodes[e.self].with(func(_ *replica.Replica, k *membership.Keeper, _ *membership.Mover) {
			failed = k.Learn(stale.Membership)
		})
		if failed != nil {
			return failed
		}
	}
	return err
}

// Call reaches a node's mover.
func (e endpoint) Call(ctx context.Context, node string, body []byte) (out []byte, err error) {
	err = e.send(ctx, message{to: node, kind: kindCall}, func(*replica.Replica) (err error) {
		e.net.nodes[node].with(func(_ *replica.Replica, _ *membership.Keeper, m *membership.Mover) {
			out, err = m.Answer(ctx, e.self, body)
		})
		return err
	})
	return out, err
}

var errRefused = fmt.Errorf("%w: refused by the test", replica.ErrNotApplied)

// lost blocks until the sender gives up: a message that never arrives.
func lost(ctx context.Context) (bool, error) {
	<-ctx.Done()
	return false, ctx.Err()
}

// cut makes a fate that loses all messages between the two nodes, and knows that it does: they are not reachable.
func cut(a, b string) fate {
	return func(_ context.Context, m message) (bool, error) {
		if m.from == a && m.to == b || m.from == b && m.to == a {
			return false, errRefused
		}
		return false, nil
	}
}

// isolate cuts a node off from all others, in both directions.
func isolate(name string) fate {
	return func(_ context.Context, m message) (bool, error) {
		if m.from != m.to && (m.from == name || m.to == name) {
			return false, errRefused
		}
		return false, nil
	}
}

// Shorthands for clients.

func level(t testing.TB, s string) quorum.Level {
	t.Helper()
	l, err := quorum.ParseLevel(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (n *network) put(t testing.TB, via, key, value, w string) (WriteResult, *engine.Error) {
	t.Helper()
	return n.write(t, via, WriteRequest{Key: key, Value: []byte(value), W: level(t, w)})
}

func (n *network) delete(t testing.TB, via, key, w string) (WriteResult, *engine.Error) {
	t.Helper()
	return n.write(t, via, WriteRequest{Key: key, Delete: true, W: level(t, w)})
}

func (n *network) write(t testing.TB, via string, req WriteRequest) (WriteResult, *engine.Error) {
	t.Helper()
	res, err := n.nodes[via].coord.Write(t.Context(), req)
	return res, asError(t, err)
}

func (n *network) get(t testing.TB, via, key, r string) (string, *engine.Error) {
	t.Helper()
	res, err := n.nodes[via].coord.Read(t.Context(), ReadRequest{Key: key, R: level(t, r)})
	return string(res.Record.Value), asError(t, err)
}

func asError(t testing.TB, err error) *engine.Error {
	t.Helper()
	if err == nil {
		return nil
	}
	var e *engine.Error
	if !errors.As(err, &e) {
		t.Fatalf("not an *engine.Error: %v", err)
	}
	return e
}

func (n *network) mustPut(t testing.TB, via, key, value, w string) WriteResult {
	t.Helper()
	res, err := n.put(t, via, key, value, w)
	if err != nil {
		t.Fatalf("put %s=%s through %s: %v (%v)", key, value, via, err, err.Failed)
	}
	return res
}

func (n *network) wantGet(t testing.TB, via, key, r, want string) {
	t.Helper()
	got, err := n.get(t, via, key, r)
	if err != nil {
		t.Fatalf("get %s through %s: %v (%v)", key, via, err, err.Failed)
	}
	if got != want {
		t.Fatalf("get %s at R=%s through %s: %q, want %q", key, r, via, got, want)
	}
}

// settle waits until everything that coordinators have sent has arrived or failed.
func (n *network) settle(t testing.TB) {
	t.Helper()
	eventually(t, "all messages have met their fate", func() bool {
		for _, node := range n.nodes {
			if node.coord.Stats().Background.Load() > 0 {
				return false
			}
		}
		return true
	})
}

// heal waits for what is under way to fail, then lets everything through.
func (n *network) heal(t testing.TB) {
	t.Helper()
	n.settle(t)
	n.set(nil)
}

// holds is what a replica has on disk.
func (n *network) holds(t testing.TB, name, key string) string {
	t.Helper()
	rec, err := n.nodes[name].local().Read(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(rec.Value)
}

// eventually polls for a condition.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatalf("never came about: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
