package integration

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/clustertest"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	clustertest.Main()
	os.Exit(sandboxtest.Main(m))
}

const (
	port = 7000
	// patience is how long a check waits for an answer that should not come; a
	// node's program waits less for its peers.
	patience = 800 * time.Millisecond
	// deadline bounds every wait for something that should come.
	deadline = time.Minute
)

// servers is a database of sorts: every node answers lines, and can be told to
// ask a peer. It satisfies ability.Restarter and ability.Primarier.
type servers struct {
	cluster.Cluster
}

func (s servers) Restart(ctx context.Context, name string) error {
	n, err := s.Node(name)
	if err != nil {
		return err
	}
	addr, err := s.Bind(name, port)
	if err != nil {
		return err
	}
	return n.Start(ctx, clustertest.Command("serve "+addr))
}

// Ready: name answers, and so does every peer whose process runs when name asks.
func (s servers) Ready(_ context.Context, name string) error {
	if err := s.answers(name); err != nil {
		return err
	}
	for _, n := range s.Nodes() {
		if n.Name() == name || n.State() != cluster.Running {
			continue
		}
		if err := s.reaches(name, n.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (s servers) answers(name string) error {
	if got := s.ask(name, "echo hello"); got != "hello" {
		return fmt.Errorf("%s says %q", name, got)
	}
	return nil
}

// Primary is the first node that runs.
func (s servers) Primary(context.Context) (string, error) {
	for _, n := range s.Nodes() {
		if n.State() == cluster.Running {
			return n.Name(), nil
		}
	}
	return "", fmt.Errorf("all nodes are down")
}

// ask sends a line to a node over a new connection.
func (s servers) ask(node, line string) string {
	addr, err := s.Route(cluster.Clients, node, port)
	if err != nil {
		return "error: " + err.Error()
	}
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return "error: " + err.Error()
	}
	defer c.Close()
	return clustertest.Ask(c, bufio.NewReader(c), line, 2*patience)
}

// reaches tells whether from can open a new connection to to and use it.
func (s servers) reaches(from, to string) error { return s.connect("check", from, to) }

// connect makes from open a connection called name to to and use it.
func (s servers) connect(name, from, to string) error {
	addr, err := s.Route(from, to, port)
	if err != nil {
		return err
	}
	id := name + "-" + to
	if got := s.ask(from, "hold "+id+" "+addr); got != "held" {
		return fmt.Errorf("%s to %s: %s", from, to, got)
	}
	if got := s.ask(from, "use "+id+" ping"); got != "ping" {
		return fmt.Errorf("%s to %s: %s", from, to, got)
	}
	return nil
}

// chatter keeps every node and the clients talking to every node, as a database
// does, until ctx ends: cuts are proven by its packets.
func (s servers) chatter(ctx context.Context, wg *sync.WaitGroup) {
	const every = 50 * time.Millisecond
	again := func(f func()) {
		wg.Go(func() {
			for ctx.Err() == nil {
				f()
				select {
				case <-ctx.Done():
				case <-time.After(every):
				}
			}
		})
	}
	for _, a := range s.Nodes() {
		again(func() { s.ask(a.Name(), "echo hello") })
		for _, b := range s.Nodes() {
			if a.Name() != b.Name() {
				// What becomes of it is of no interest.
				again(func() { _ = s.connect("chatter", a.Name(), b.Name()) })
			}
		}
	}
}

// witness is a log that looks for itself: when a fault is said to take effect it tries
// real connections, and again when it is said to be healed.
type witness struct {
	servers
	t     *testing.T
	began time.Time
	// quiet: faults overlap, so that a single one cannot be judged.
	quiet bool

	mu     sync.Mutex
	faults map[int]history.Fault
	// decided is called when a fault took effect, or did not.
	decided func()
}

func (w *witness) Now() history.Time { return history.Time(time.Since(w.began)) }

func (w *witness) Fault(f history.Fault) {
	w.mu.Lock()
	w.faults[f.ID] = f
	w.mu.Unlock()
	if w.decided != nil && (f.TookEffect > 0 || f.Error != "") {
		defer w.decided()
	}
	if w.quiet || f.Error != "" {
		return
	}
	switch {
	case f.TookEffect > 0 && f.Healing == 0:
		w.seeEffect(f)
	case f.Healed > 0:
		w.seeHealed(f)
	}
}

// seeEffect: what is broken does not answer within patience, and the rest does,
// however long a busy machine takes.
func (w *witness) seeEffect(f history.Fault) {
	w.pairs(func(a, b string) {
		if f.Kind != "partition" {
			return
		}
		// A connection needs both directions.
		if slices.Contains(f.Cuts, a+">"+b) || slices.Contains(f.Cuts, b+">"+a) {
			if w.reaches(a, b) == nil {
				w.t.Errorf("%s is on, but %s reaches %s", f.Name, a, b)
			}
			return
		}
		w.eventually(f.Name+" is on", func() error { return w.reaches(a, b) })
	})
	w.nodes(func(n string) {
		if f.Kind != "partition" && slices.Contains(f.Nodes, n) {
			if got := w.ask(n, "echo x"); got == "x" {
				w.t.Errorf("%s is on, but %s answers", f.Name, n)
			}
			return
		}
		w.eventually(f.Name+" is on", func() error { return w.answers(n) })
	})
}

func (w *witness) seeHealed(f history.Fault) {
	w.pairs(func(a, b string) {
		w.eventually(f.Name+" is healed", func() error { return w.reaches(a, b) })
	})
}

// eventually fails the test if check does not succeed within the deadline.
func (w *witness) eventually(what string, check func() error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := cluster.Await(ctx, "it", func(context.Context) error { return check() }); err != nil {
		w.t.Errorf("%s, but: %v", what, err)
	}
}

func (w *witness) nodes(f func(name string)) {
	var wg sync.WaitGroup
	for _, n := range w.Nodes() {
		wg.Go(func() { f(n.Name()) })
	}
	wg.Wait()
}

func (w *witness) pairs(f func(a, b string)) {
	var wg sync.WaitGroup
	for _, a := range w.Nodes() {
		for _, b := range w.Nodes() {
			if a.Name() != b.Name() {
				wg.Go(func() { f(a.Name(), b.Name()) })
			}
		}
	}
	wg.Wait()
}

// open makes a cluster of servers that all answer.
func open(t *testing.T, p cluster.Provider, nodes int) (nemesis.Stage, *witness) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	spec := cluster.Spec{Run: "nemesis", Nodes: cluster.NodeNames(nodes), Ports: []int{port}, LinkByLink: true, LogDir: t.TempDir()}
	if err := p.Available(ctx, spec); err != nil {
		t.Fatalf("the provider is not available: %v", err)
	}
	c, err := p.Open(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Errorf("closing the cluster: %v", err)
		}
	})
	s := servers{c}
	for _, n := range c.Nodes() {
		if err := s.Restart(ctx, n.Name()); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range c.Nodes() {
		if err := cluster.Await(ctx, n.Name()+" in service", func(ctx context.Context) error { return s.Ready(ctx, n.Name()) }); err != nil {
			t.Fatal(err)
		}
	}
	talk, hush := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	s.chatter(talk, &wg)
	t.Cleanup(func() {
		hush()
		wg.Wait()
	})
	w := &witness{servers: s, t: t, began: time.Now(), faults: map[int]history.Fault{}}
	return nemesis.Stage{Cluster: c, System: s, Log: w, Progress: func(line string) { t.Log(line) }}, w
}

// plan has every fault named once; each holds for a moment only, because the
// witness takes its time while a fault is on.
func plan(t *testing.T, nodes int, mode nemesis.Mode, faults ...string) nemesis.Schedule {
	t.Helper()
	const interval = 500 * time.Millisecond
	s, err := nemesis.NewSchedule(nemesis.Config{
		Seed: 5, Faults: faults, Nodes: cluster.NodeNames(nodes),
		Abilities: []ability.Ability{ability.Restart, ability.Primary},
		Duration:  20*time.Second + interval*time.Duration(len(faults)), Interval: interval, Mode: mode,
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(faults); len(s.Steps) > n {
		s.Steps = s.Steps[:n]
	}
	s.Duration = deadline
	return s
}

// eachProvider runs test with both providers at the same time: it is mostly
// waiting.
func eachProvider(t *testing.T, test func(t *testing.T, p cluster.Provider)) {
	for _, p := range []cluster.Provider{sandbox.Provider{}, local.Provider{}} {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// TestFaultsAreReal runs every fault that needs no database of a special kind,
// one at a time, and looks whether connections behave as the nemesis says.
func TestFaultsAreReal(t *testing.T) {
	all := []string{
		"partition-one", "partition-halves", "partition-majority", "partition-ring", "partition-bridge", "partition-primary",
		"partition-oneway", "kill", "kill-primary", "kill-all", "pause", "pause-primary", "clients",
	}
	eachProvider(t, func(t *testing.T, p cluster.Provider) {
		sandboxtest.EachUser(t, func(t *testing.T) {
			faults := all
			if os.Geteuid() != 0 || sandboxtest.Rootless() {
				faults = []string{"partition-one", "partition-oneway", "kill-all", "pause", "clients"} // one of each sort
			}
			stage, w := open(t, p, 4)
			o, err := nemesis.Run(t.Context(), stage, plan(t, 4, nemesis.OneAtATime, faults...))
			if err != nil {
				t.Fatal(err)
			}
			if r := o.Reasons(); len(r) > 0 || o.Injected != len(faults) || o.TookEffect != o.Injected || o.Healed != o.Injected {
				t.Errorf("%d of %d faults took effect, %d healed: %s", o.TookEffect, len(faults), o.Healed, strings.Join(r, "\n"))
			}
			if len(o.Unexpected) > 0 {
				t.Errorf("unexpected: %v", o.Unexpected)
			}
			for _, f := range w.faults {
				if len(f.Proof) < 2 {
					t.Errorf("%s: proof is %q", f.Name, f.Proof)
				}
			}
		})
	})
}

// TestMixedFaultsAreReal lets faults overlap, and looks at the cluster
// afterwards.
func TestMixedFaultsAreReal(t *testing.T) {
	eachProvider(t, func(t *testing.T, p cluster.Provider) {
		stage, w := open(t, p, 3)
		w.quiet = true
		faults := []string{"partition", "kill", "pause", "clients", "partition-one", "kill-primary", "pause-primary"}
		o, err := nemesis.Run(t.Context(), stage, plan(t, 3, nemesis.Mixed, faults...))
		if err != nil {
			t.Fatal(err)
		}
		if r := o.Reasons(); len(r) > 0 || o.TookEffect+len(o.Skipped) != o.Planned || o.Healed != o.TookEffect {
			t.Errorf("%+v", o)
		}
		w.seeHealed(history.Fault{Name: "everything"})
	})
}

// TestInterrupt ends the load while a fault is on: it must be healed at once,
// long before its time.
func TestInterrupt(t *testing.T) {
	eachProvider(t, func(t *testing.T, p cluster.Provider) {
		for _, fault := range []string{"partition-one", "kill", "pause"} {
			t.Run(fault, func(t *testing.T) {
				stage, w := open(t, p, 3)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				w.decided = cancel
				s := plan(t, 3, nemesis.OneAtATime, fault, fault)
				s.Steps[0].Hold = time.Hour
				s.Steps[1].At = time.Hour
				s.Duration = 3 * time.Hour
				o, err := nemesis.Run(ctx, stage, s)
				if err != nil {
					t.Fatal(err)
				}
				if r := o.Reasons(); len(r) > 0 || o.TookEffect != 1 || o.Healed != 1 || len(o.Skipped) != 1 {
					t.Errorf("%+v", o)
				}
				w.seeHealed(w.faults[1])
			})
		}
	})
}

// afterwards breaks things as somebody else would: once, when a fault was seen to be healed.
type afterwards struct {
	*witness
	once   sync.Once
	broken func() // breaks them
}

func (a *afterwards) Fault(f history.Fault) {
	if f.Healed > 0 {
		a.once.Do(a.broken)
	}
}

// TestHealAllReally: at its end a run heals what somebody else broke.
func TestHealAllReally(t *testing.T) {
	eachProvider(t, func(t *testing.T, p cluster.Provider) {
		stage, w := open(t, p, 3)
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		nodes := stage.Cluster.Nodes()
		stage.Log = &afterwards{witness: w, broken: func() {
			if err := stage.Cluster.Network().Cut(ctx, cluster.Both("n1", "n2")...); err != nil {
				t.Error(err)
			}
			if err := nodes[1].Kill(ctx); err != nil {
				t.Error(err)
			}
			if err := nodes[2].Pause(ctx); err != nil {
				t.Error(err)
			}
		}}
		for range 2 {
			o, err := nemesis.Run(ctx, stage, plan(t, 3, nemesis.OneAtATime, "pause"))
			if err != nil {
				t.Fatal(err)
			}
			if o.Injected != 1 || o.Healed != 1 || len(o.Unhealed) > 0 {
				t.Fatalf("%d faults injected, %d healed, not healed: %v", o.Injected, o.Healed, o.Unhealed)
			}
			w.seeHealed(history.Fault{Name: "everything"})
		}
	})
}
