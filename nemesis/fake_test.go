package nemesis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// lies are what a fake cluster or database only pretends to do.
type lies struct {
	cutNothing       bool // Cut returns nil
	cutAllButOne     bool // the last link stays open
	cutTooMuch       bool // another link goes too
	cutFails         bool
	countNothing     bool // the counters do not move
	countOnly        bool // the counters move, and packets arrive all the same
	probeBreaks      bool // probes fail for another reason than the link
	healNothing      bool
	healAllButOne    bool
	killNothing      bool
	killLeavesPID    bool // the node says stopped, the process is there
	killNotAwaited   bool // Exited is not closed
	killFails        bool
	pauseNothing     bool
	resumeNothing    bool
	restartNothing   bool
	restartFails     bool
	neverReady       bool
	clockStays       bool // BendClock returns what it reads: no offset
	clockStaysBent   bool
	lagNothing       bool
	lagForever       bool
	clientsGoOn      bool
	clientsStay      bool // paused for good
	noClients        bool
	clientsLive      bool // nobody dies
	tokenStays       bool // nothing is lost
	carriesNothing   bool
	clientsDieOn     bool
	memberStays      bool
	memberGone       bool // for good
	rangesStay       bool
	rangesChanged    bool // for good
	noPrimary        bool
	unknownPrimary   bool
	noFailover       bool // n1 is the primary, even when it is down
	oneCentre        bool
	operatorRestarts bool // the database's own operator starts killed nodes
	shapeNothing     bool // nothing is held back
	shapeOnlyCounts  bool // the counters move, and round trips are short
	unshapeNothing   bool
	resetNothing     bool // no connection is open
	shutdownNothing  bool
	rollsNoFurther   bool // only the first server that is told to end does so
	limitNothing     bool
	limitLoose       bool // a limit, and more than it has
	limitForever     bool
	limitUncounted   int  // so often, what was refused cannot be read
	limitUnread      bool // a log is too long
	limitStaysOnce   bool // lifted by the second order only
	limitUnmet       bool // nobody wants more
	othersAtOnce     bool // only the first of a rolling slow start starts slowly
	endsOfLimit      bool // the process does
	holdLost         bool // what was broken is whole before it is healed
	startsAtOnce     bool // who starts cannot be stopped
	farApart         bool // each link has a delay all the time
	orderRefused     bool
	refusedWhileCut  bool // an order, while a link is cut
	orderNothing     bool // an order is said to be carried out
	staysOut         bool // what was reinitialized serves no more
	star             bool // nodes talk to the first one alone
}

// fake is a cluster and a database in memory.
type fake struct {
	lies lies

	mu    sync.Mutex
	names []string
	nodes map[string]*fakeNode
	// cut says since when a link is cut.
	cut     map[cluster.Link]time.Time
	shaped  map[cluster.Link]cluster.Quality
	resets  int
	told    bool // some server was told to end
	paused  int  // how often processes were
	pids    map[int]bool
	nextPID int
	clocks  map[string]time.Duration
	held    map[string]bool
	asleep  map[string]bool // whose clients are paused
	out     map[string]bool // no members
	ranges  []ability.KeyRange
	// rangesChanged counts how often somebody wanted that.
	rangesChanged int
	deaths        map[string]Deaths
	leader        int            // how often the primary's role was handed over
	restarts      map[string]int // of servers, by the manager
	remade        map[string]time.Time
	keeper        *keeper // may be nil
	began         time.Time
	faults        map[int]history.Fault
	updates       []history.Fault
	lines         []string
	calls         []string
	// readyAfter is when nodes are in service again after a start.
	readyAfter time.Duration
}

func newFake(nodes int, l lies) *fake {
	f := &fake{
		lies: l, names: cluster.NodeNames(nodes), nodes: map[string]*fakeNode{},
		cut: map[cluster.Link]time.Time{}, pids: map[int]bool{}, nextPID: 100,
		shaped: map[cluster.Link]cluster.Quality{},
		clocks: map[string]time.Duration{}, held: map[string]bool{}, began: time.Now(),
		restarts: map[string]int{}, remade: map[string]time.Time{},
		asleep: map[string]bool{}, out: map[string]bool{}, deaths: map[string]Deaths{},
		faults: map[int]history.Fault{}, readyAfter: 200 * time.Millisecond,
	}
	f.keeper = &keeper{f: f, lives: map[string]int{}, ending: map[string]time.Time{}}
	for _, n := range f.names {
		node := &fakeNode{f: f, name: n}
		f.nodes[n] = node
		node.start()
	}
	return f
}

// scene is a scene whose processes are the fake's.
func (f *fake) scene() *scene {
	s := newScene(Stage{Cluster: f, System: f, Clients: f, Log: f, Progress: func(line string) { f.lines = append(f.lines, line) }})
	s.exists = func(pid int) bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.pids[pid]
	}
	return s
}

func (f *fake) called(format string, args ...any) {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

// Log.

func (f *fake) Now() history.Time { return history.Time(time.Since(f.began)) }

func (f *fake) Fault(h history.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[h.ID] = h
	f.updates = append(f.updates, h)
}

// cluster.Cluster and cluster.Network.

func (f *fake) Provider() string                            { return "fake" }
func (f *fake) Bind(string, int) (string, error)            { return "", nil }
func (f *fake) Route(string, string, int) (string, error)   { return "", nil }
func (f *fake) Network() cluster.Network                    { return f }
func (f *fake) Close(context.Context) error                 { return nil }
func (f *fake) Exec(context.Context, cluster.Command) error { return nil }

func (f *fake) Nodes() []cluster.Node {
	var out []cluster.Node
	for _, n := range f.names {
		out = append(out, f.nodes[n])
	}
	return out
}

func (f *fake) Node(name string) (cluster.Node, error) {
	if n, ok := f.nodes[name]; ok {
		return n, nil
	}
	return nil, fmt.Errorf("no node %s", name)
}

func (f *fake) Cut(_ context.Context, links ...cluster.Link) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.cutFails {
		return errors.New("nf_tables is not there")
	}
	if f.lies.cutNothing {
		return nil
	}
	if f.lies.cutAllButOne {
		links = links[:len(links)-1]
	}
	for _, l := range links {
		if _, there := f.cut[l]; !there {
			f.cut[l] = time.Now()
		}
	}
	if f.lies.cutTooMuch {
		f.cut[cluster.Link{From: cluster.Clients, To: f.names[0]}] = time.Now()
	}
	return nil
}

// Lost implements cluster.Holder.
func (f *fake) Lost(_ context.Context, node string, since time.Time) error {
	if f.lies.holdLost && since.After(f.began) {
		return errors.New("the hold on " + node + " was lost")
	}
	return nil
}

func (f *fake) Heal(ctx context.Context, links ...cluster.Link) error {
	if err := ctx.Err(); err != nil {
		return err // as orders to a kernel are given up
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.healNothing {
		return nil
	}
	if f.lies.healAllButOne {
		links = links[1:]
	}
	for _, l := range links {
		delete(f.cut, l)
	}
	return nil
}

func (f *fake) HealAll(ctx context.Context) error {
	return f.Heal(ctx, slices.SortedFunc(maps.Keys(f.cut), func(a, b cluster.Link) int {
		return slices.Compare([]string{a.From, a.To}, []string{b.From, b.To})
	})...)
}

// Drops counts the packets of a database that sends one every 100 ms over every
// link but those between n2 and n3, which have nothing to say to each other.
func (f *fake) Drops(context.Context) (map[cluster.Link]cluster.Drops, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[cluster.Link]cluster.Drops{}
	for l, since := range f.cut {
		var d cluster.Drops
		if !f.silent(l) && !f.lies.countNothing {
			d.Packets = uint64(time.Since(since) / (100 * time.Millisecond))
		}
		out[l] = d
	}
	return out, nil
}

// silent tells whether nothing is sent over l: between n2 and n3 of three, where
// nodes talk to the first one alone, and where a process does not run.
func (f *fake) silent(l cluster.Link) bool {
	for _, end := range []string{l.From, l.To} {
		if n := f.nodes[end]; n != nil && n.state != cluster.Running {
			return true
		}
	}
	if l.From == cluster.Clients || l.To == cluster.Clients {
		return false
	}
	return (f.lies.star || len(f.names) == 3) && l.From != "n1" && l.To != "n1"
}

// talks is the star for a schedule.
func talks(primary, from, to string) bool {
	return from == primary || to == primary || from == cluster.Clients || to == cluster.Clients
}

func (f *fake) Shape(_ context.Context, q cluster.Quality, links ...cluster.Link) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range links {
		if q != (cluster.Quality{}) {
			f.shaped[l] = q
		} else if !f.lies.unshapeNothing {
			delete(f.shaped, l)
		}
	}
	return nil
}

func (f *fake) Held(context.Context) (map[cluster.Link]cluster.Held, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[cluster.Link]cluster.Held{}
	for l, q := range f.shaped {
		if out[l] = (cluster.Held{}); !f.lies.shapeNothing {
			out[l] = cluster.Held{Packets: 3, Bytes: 300, Waited: 3 * q.Delay}
		}
	}
	return out, nil
}

func (f *fake) Usual(cluster.Link) cluster.Quality {
	if f.lies.farApart {
		return cluster.Quality{Delay: 700 * time.Millisecond} // more than any fault adds
	}
	return cluster.Quality{}
}

func (f *fake) RoundTrip(ctx context.Context, a, b string) (time.Duration, error) {
	took := time.Millisecond + f.Usual(cluster.Link{From: a, To: b}).Delay + f.Usual(cluster.Link{From: b, To: a}).Delay
	f.mu.Lock()
	if !f.lies.shapeOnlyCounts {
		took += f.shaped[cluster.Link{From: a, To: b}].Delay + f.shaped[cluster.Link{From: b, To: a}].Delay
	}
	f.mu.Unlock()
	sleep(ctx, took)
	return took, ctx.Err()
}

func (f *fake) Reset(context.Context, ...cluster.Link) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.resetNothing {
		return 0, nil
	}
	f.resets++
	return 2, nil
}

func (f *fake) Probe(ctx context.Context, l cluster.Link) error {
	arrives := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		_, cut := f.cut[l]
		return !cut || f.lies.countOnly
	}
	for {
		if f.lies.probeBreaks {
			return errors.New("no socket left")
		}
		if arrives() {
			return nil
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("%s: %w", l, cluster.ErrUnreachable)
		}
	}
}

// The database.

func (f *fake) Restart(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.lies.restartFails:
		return errors.New("data directory is broken")
	case f.lies.restartNothing:
		return nil
	case f.nodes[name].state != cluster.Stopped:
		return errors.New("it runs already")
	}
	f.nodes[name].start()
	return nil
}

func (f *fake) Shutdown(ctx context.Context, name string) error {
	f.mu.Lock()
	n, nothing := f.nodes[name], f.lies.shutdownNothing || f.lies.rollsNoFurther && f.told
	f.told = true
	f.mu.Unlock()
	if nothing {
		return nil
	}
	return n.Stop(ctx)
}

func (f *fake) Ready(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[name]
	if f.lies.neverReady || n.state != cluster.Running || time.Since(n.started) < f.readyAfter {
		return errors.New("starting up")
	}
	for l := range f.cut {
		if l.From == name || l.To == name {
			return errors.New("peers are missing")
		}
	}
	return nil
}

func (f *fake) Primary(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.noPrimary {
		return "", errors.New("no primary at the moment")
	}
	if f.lies.unknownPrimary {
		return "somebody", nil
	}
	for _, n := range f.names {
		if f.lies.noFailover || f.nodes[n].state == cluster.Running {
			return n, nil
		}
	}
	return "", errors.New("all nodes are down")
}

// DataCentres: the first half of the nodes, rounded up, is in dc1.
func (f *fake) DataCentres() map[string]string {
	out := map[string]string{}
	for i, name := range f.names {
		out[name] = "dc1"
		if !f.lies.oneCentre && i >= (len(f.names)+1)/2 {
			out[name] = "dc2"
		}
	}
	return out
}

func (f *fake) BendClock(_ context.Context, name string, offset time.Duration) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[name].state != cluster.Running {
		return 0, errors.New("connection refused")
	}
	if f.lies.clockStays || f.lies.clockStaysBent && offset == 0 {
		return f.clocks[name], nil
	}
	f.clocks[name] = offset
	return offset, nil
}

func (f *fake) StepClock(_ context.Context, name string, offset time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[name].state == cluster.Running {
		return errors.New("it runs")
	}
	if !f.lies.clockStays {
		f.clocks[name] = offset
	}
	return nil
}

func (f *fake) ReadClock(_ context.Context, name string) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[name].state != cluster.Running {
		return 0, errors.New("connection refused")
	}
	return f.clocks[name], nil
}

func (f *fake) HoldReplica(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[name].state != cluster.Running {
		return errors.New("connection refused")
	}
	f.held[name] = !f.lies.lagNothing
	return nil
}

func (f *fake) ReleaseReplica(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held[name] = f.lies.lagForever
	return nil
}

func (f *fake) ReplicaHeld(_ context.Context, name string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held[name], nil
}

func (f *fake) PauseClients(_ context.Context, name string, paused bool) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asleep[name] = paused && !f.lies.clientsGoOn || f.lies.clientsStay
	if f.lies.noClients {
		return 0, nil
	}
	return 2, nil
}

func (f *fake) ClientsPaused(name string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asleep[name], nil
}

func (f *fake) Carries() string {
	if f.lies.carriesNothing {
		return ""
	}
	return "a token"
}

func (f *fake) Kill(node string, lose bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.clientsLive {
		return
	}
	n := Deaths{Died: 2, Unanswered: 1, TakenOver: 2}
	if lose && !f.lies.tokenStays {
		n.Lost, n.Without = 1, 1
	}
	f.deaths[node] = f.deaths[node].Plus(n)
	if d := f.deaths[node]; d.Doomed == 0 {
		d.Doomed = 1
		f.deaths[node] = d
	}
}

func (f *fake) Spare(node string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.deaths[node]; !f.lies.clientsDieOn {
		d.Doomed = 0
		f.deaths[node] = d
	}
}

func (f *fake) Deaths(node string) Deaths {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deaths[node]
}

func (f *fake) RemoveMember(ctx context.Context, name string) error {
	f.mu.Lock()
	f.out[name] = !f.lies.memberStays
	f.mu.Unlock()
	return f.nodes[name].Kill(ctx)
}

func (f *fake) AddMember(ctx context.Context, name string) error {
	f.mu.Lock()
	f.out[name] = f.lies.memberGone
	stopped := f.nodes[name].state == cluster.Stopped
	f.mu.Unlock()
	if !stopped {
		return nil
	}
	return f.Restart(ctx, name)
}

func (f *fake) Members(context.Context) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.names), func(n string) bool { return f.out[n] }), nil
}

func (f *fake) Ranges(context.Context) ([]ability.KeyRange, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ranges == nil {
		f.ranges = []ability.KeyRange{{Middle: "b", Keys: 4, Nodes: f.names[:len(f.names)-1]}, {From: "c", Middle: "d", Keys: 3, Nodes: f.names[len(f.names)-1:]}}
	}
	return slices.Clone(f.ranges), nil
}

// changeRanges does f, unless the fake lies: then nothing, or nothing but the first time.
func (f *fake) changeRanges(do func([]ability.KeyRange) []ability.KeyRange) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.lies.rangesStay && (!f.lies.rangesChanged || f.rangesChanged == 0) {
		f.ranges = do(f.ranges)
	}
	f.rangesChanged++
	return "some keys moved", nil
}

func (f *fake) SplitRange(_ context.Context, at string) (string, error) {
	return f.changeRanges(func(all []ability.KeyRange) []ability.KeyRange {
		i := len(all)
		for i > 0 && all[i-1].From > at {
			i--
		}
		return slices.Insert(slices.Clone(all), i, ability.KeyRange{From: at, Keys: 1, Nodes: all[i-1].Nodes})
	})
}

func (f *fake) MergeRanges(_ context.Context, at string) (string, error) {
	return f.changeRanges(func(all []ability.KeyRange) []ability.KeyRange {
		return slices.DeleteFunc(slices.Clone(all), func(r ability.KeyRange) bool { return r.From == at })
	})
}

func (f *fake) MoveRange(_ context.Context, key, from, to string) (string, error) {
	return f.changeRanges(func(all []ability.KeyRange) []ability.KeyRange {
		out := slices.Clone(all)
		for i, r := range out {
			if r.From == key && slices.Contains(r.Nodes, from) {
				out[i].Nodes = []string{to}
			}
		}
		return out
	})
}

func (f *fake) ordered(do func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.orderRefused || f.lies.refusedWhileCut && len(f.cut) > 0 {
		return errors.New("412 Precondition Failed: no good candidates have been found")
	}
	if !f.lies.orderNothing {
		do()
	}
	return nil
}

func (f *fake) Switchover(_ context.Context, _ string) error {
	return f.ordered(func() { f.leader++ })
}

func (f *fake) RestartServer(_ context.Context, name string) error {
	return f.ordered(func() { f.restarts[name]++ })
}

func (f *fake) Reinitialize(_ context.Context, name string) error {
	return f.ordered(func() { f.remade[name] = time.Now() })
}

func (f *fake) Managed(context.Context) (map[string]ability.ManagedNode, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]ability.ManagedNode{}
	for i, name := range f.names {
		n := ability.ManagedNode{Leads: i == f.leader%len(f.names), Serves: true, State: "running", Timeline: f.leader + 1, Since: fmt.Sprint("start ", f.restarts[name])}
		if at := f.remade[name]; !at.IsZero() {
			n.Since = "start " + at.String()
			if f.lies.staysOut || time.Since(at) < f.readyAfter {
				n.Serves, n.State = false, "creating replica"
			}
		}
		out[name] = n
	}
	return out, nil
}

// fakeNode is a node whose process is a number.
type fakeNode struct {
	f       *fake
	name    string
	state   cluster.State
	pid     int
	exited  chan struct{}
	started time.Time
	limited map[cluster.Resource]bool
}

// start is called with the fake's lock held, or before it is shared.
func (n *fakeNode) start() {
	n.f.nextPID++
	n.pid, n.state, n.exited, n.started = n.f.nextPID, cluster.Running, make(chan struct{}), time.Now()
	n.f.pids[n.pid] = true
	n.limited = map[cluster.Resource]bool{}
}

func (n *fakeNode) Supervisor() cluster.Supervisor {
	if n.f.keeper == nil {
		return nil
	}
	return n.f.keeper
}

func (n *fakeNode) Name() string                                 { return n.name }
func (n *fakeNode) Address() string                              { return "" }
func (n *fakeNode) Dir() string                                  { return "" }
func (n *fakeNode) LogDir() string                               { return "" }
func (n *fakeNode) Start(context.Context, cluster.Command) error { return errors.New("not here") }
func (n *fakeNode) Stop(ctx context.Context) error               { return n.Kill(ctx) }
func (n *fakeNode) Signal(int) error                             { return nil }
func (n *fakeNode) Exec(context.Context, cluster.Command) ([]byte, error) {
	return nil, errors.New("not here")
}

func (n *fakeNode) Kill(context.Context) error {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	n.f.called("kill %s", n.name)
	l := &n.f.lies
	if l.killFails {
		return errors.New("not permitted")
	}
	if l.killNothing || n.state == cluster.Stopped {
		return nil
	}
	n.state = cluster.Stopped
	if !l.killLeavesPID {
		delete(n.f.pids, n.pid)
	}
	if !l.killNotAwaited {
		close(n.exited)
	}
	if l.operatorRestarts {
		n.start()
		return nil
	}
	n.pid = 0
	return nil
}

func (n *fakeNode) Pause(context.Context) error {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	n.f.called("pause %s", n.name)
	atOnce := n.f.lies.startsAtOnce || n.f.lies.othersAtOnce && n.f.paused > 0
	n.f.paused++
	if !n.f.lies.pauseNothing && !(atOnce && time.Since(n.started) < time.Second) {
		n.state = cluster.Paused
	}
	return nil
}

func (n *fakeNode) Resume(context.Context) error {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	if !n.f.lies.resumeNothing {
		n.state = cluster.Running
	}
	return nil
}

func (n *fakeNode) State() cluster.State {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	return n.state
}

func (n *fakeNode) Pid() int {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	return n.pid
}

func (n *fakeNode) Exited() <-chan struct{} {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	return n.exited
}

func (n *fakeNode) Limit(_ context.Context, r cluster.Resource) error {
	n.f.mu.Lock()
	if n.limited[r] = !n.f.lies.limitNothing; !n.f.lies.endsOfLimit {
		n.f.mu.Unlock()
		return nil
	}
	n.f.mu.Unlock()
	return n.Kill(context.Background())
}

func (n *fakeNode) Unlimit(_ context.Context, r cluster.Resource) error {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	n.limited[r] = n.limited[r] && (n.f.lies.limitForever || n.f.lies.limitStaysOnce)
	n.f.lies.limitStaysOnce = false
	return nil
}

func (n *fakeNode) Refused(cluster.Resource) (cluster.Refusals, error) {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	if n.f.lies.limitUncounted > 0 {
		n.f.lies.limitUncounted--
		return cluster.Refusals{}, errors.New("reading logs: permission denied")
	}
	if n.f.lies.limitUnmet {
		return cluster.Refusals{Unread: n.f.lies.limitUnread}, nil
	}
	return cluster.Refusals{Lines: 2, Waiting: 3, Unread: n.f.lies.limitUnread}, nil
}

func (n *fakeNode) Allowances(r cluster.Resource) ([]cluster.Allowance, error) {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	switch {
	case n.state == cluster.Stopped:
		return nil, nil
	case n.limited[r] && n.f.lies.limitLoose:
		return []cluster.Allowance{{Pid: n.pid, Has: 20, May: 30}}, nil
	case n.limited[r]:
		return []cluster.Allowance{{Pid: n.pid, Has: 20, May: 20, Full: true}}, nil
	}
	return []cluster.Allowance{{Pid: n.pid, Has: 20, May: 1024}}, nil
}
