package nemesis

import (
	"fmt"
	"sync"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// fake is a cluster and a database in memory.
type fake struct {
	starts int // of killed nodes
	lies   lies

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
	joins   int             // how often a joiner gave up
	ranges  []ability.KeyRange
	// rangesChanged counts how often somebody wanted that.
	rangesChanged int
	deaths        map[string]Deaths
	leader        int            // how often the primary's role was handed over
	restarts      map[string]int // of servers, by the manager
	remade        map[string]time.Time
	poolerless    map[string]bool // whose pooler was killed
	keeper        *keeper         // may be nil
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
		restarts: map[string]int{}, remade: map[string]time.Time{}, poolerless: map[string]bool{},
		asleep: map[string]bool{}, out: map[string]bool{}, deaths: map[string]Deaths{},
		faults: map[int]history.Fault{}, readyAfter: 200 * time.Millisecond,
	}
	f.keeper = &keeper{f: f, lives: map[string]int{}, ending: map[string]time.Time{}}
	for _, n := range f.names {
		node := &fakeNode{f: f, name: n}
		node.disk = &fakeDisk{n: node, counts: cluster.DiskCounts{Writes: 120, Syncs: 118, Unsynced: 3}}
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
