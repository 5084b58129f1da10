package cassandra

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// startTimeout is for all nodes together, on a loaded machine.
const startTimeout = 5 * time.Minute

// Start implements targets.Target. All nodes are started at once.
func (Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	set, err := resolve(cfg)
	if err != nil {
		return nil, err
	}
	command, err := commandFor(ctx, c, cfg, set)
	if err != nil {
		return nil, err
	}
	if err := checkMemory(set, memoryFile); err != nil {
		return nil, err
	}
	s := &System{
		cluster: c, nodes: c.Nodes(), set: set,
		command:  command,
		keyspace: keyspaceName,
		clock:    newClock(), ring: newRing(set.topology),
		log: cfg.Log, progress: cfg.Progress,
		admins: make([]*conn, len(c.Nodes())),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.progress == nil {
		s.progress = func(string) {}
	}
	if len(s.nodes) != set.nodes {
		return nil, fmt.Errorf("starting Cassandra: the cluster has %d nodes, the configuration %d", len(s.nodes), set.nodes)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s.progress(fmt.Sprintf("starting %d Cassandra nodes (%v)", len(s.nodes), &s.set))
	if err := s.startNodes(ctx); err != nil {
		return nil, fmt.Errorf("starting Cassandra: %w", err)
	}
	if err := s.whileRunning(ctx, s.start); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("starting Cassandra: %w", err), s.Stop(stop))
	}
	return s, nil
}

// stopTimeout is how long the kernel may take to end what is killed.
const stopTimeout = 30 * time.Second

func (s *System) start(ctx context.Context) error {
	began := time.Now()
	group, groupCtx := errgroup.WithContext(ctx)
	for i, n := range s.nodes {
		group.Go(func() error {
			return cluster.Await(groupCtx, n.Name()+" to listen", func(ctx context.Context) error { return s.listening(ctx, i) })
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	s.log.Debug("all nodes listen", "after", time.Since(began))
	if err := s.makeSchema(ctx); err != nil {
		return err
	}
	s.log.Debug("the schema is there", "after", time.Since(began))
	if err := s.proveReady(ctx); err != nil {
		return err
	}
	err := s.admin(ctx, 0, func(n *conn) error {
		return n.query(ctx, "SELECT release_version FROM system.local").Scan(&s.version)
	})
	if err != nil {
		return fmt.Errorf("asking for the version: %w", err)
	}
	s.progress(fmt.Sprintf("%s: %d nodes were ready after %.1fs", s.Version(), len(s.nodes), time.Since(began).Seconds()))
	return nil
}

// startNodes starts all processes, or none.
func (s *System) startNodes(ctx context.Context) error {
	for i := range s.nodes {
		if err := s.startNode(ctx, i); err != nil {
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
			defer cancel()
			return errors.Join(err, s.Stop(stop))
		}
	}
	return nil
}

// whileRunning runs f, and ends it when the process of a node ends: then there is
// nothing to wait for.
func (s *System) whileRunning(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watchers sync.WaitGroup
	defer watchers.Wait()
	defer cancel(nil)
	for _, n := range s.nodes {
		watchers.Go(func() {
			select {
			case <-n.Exited():
				cancel(fmt.Errorf("the process of %s has ended%s", n.Name(), s.lastWords(n)))
			case <-ctx.Done():
			}
		})
	}
	err := f(ctx)
	if cause := context.Cause(ctx); err != nil && cause != ctx.Err() {
		return cause
	}
	return err
}

// startNode starts the process of node i; its data stays as it is.
func (s *System) startNode(ctx context.Context, i int) error {
	if err := s.command.prepare(ctx, s.nodes[i]); err != nil {
		return err
	}
	if err := s.writeConfig(i); err != nil {
		return err
	}
	if err := s.installClock(i); err != nil {
		return fmt.Errorf("installing the clock of %s: %w", s.nodes[i].Name(), err)
	}
	return s.nodes[i].Start(ctx, s.command.command(s.nodes[i]))
}

// launcher is how a node's process is started.
type launcher interface {
	// prepare puts what the software itself brings into the node's directory,
	// before our configuration.
	prepare(ctx context.Context, n cluster.Node) error
	command(n cluster.Node) cluster.Command
}

// commandFor is how nodes are started on c.
func commandFor(ctx context.Context, c cluster.Cluster, cfg targets.Config, set settings) (launcher, error) {
	if image := cluster.ImageOf(c); image != "" {
		return container{heap: set.heap, seeds: seeds(c.Nodes())}, nil
	}
	sw, err := Fetched(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return jvm{java: sw.Java, jars: sw.Dir, heap: set.heap}, nil
}

// listening connects to the native port, and no more.
func (s *System) listening(ctx context.Context, i int) error {
	addr, err := s.cluster.Route(cluster.Clients, s.nodes[i].Name(), nativePort)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return c.Close()
}

// lastWords are the last complaint in a node's log.
func (s *System) lastWords(n cluster.Node) string {
	path := filepath.Join(n.LogDir(), logName)
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	last := ""
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "ERROR") || strings.Contains(line, "Exception") && !strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "Error") {
			last = line
		}
	}
	if last == "" {
		return "; its log is " + path
	}
	if len(last) > 300 {
		last = last[:300] + " ..."
	}
	return fmt.Sprintf("; its log %s says: %s", path, last)
}

// memoryFile tells of the machine's memory, on Linux.
const memoryFile = "/proc/meminfo"

// overhead is what a node takes besides its heap, in MiB (measured: 350).
const overhead = 400

// checkMemory refuses to start what this machine has no room for: the kernel would
// end some process, and nobody could tell that from a fault of Cassandra.
func checkMemory(set settings, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil //nolint:nilerr // no Linux: nothing is known
	}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, "MemAvailable:")
		if !ok {
			continue
		}
		kib, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil {
			return nil //nolint:nilerr // an unknown form: nothing is known
		}
		if need := set.nodes * (set.heap + overhead); need > kib/1024 {
			return &cluster.EnvironmentError{
				Doing: fmt.Sprintf("starting %d Cassandra nodes", set.nodes),
				Err:   fmt.Errorf("they need about %d MiB of memory, and %d MiB are available", need, kib/1024),
				Way:   "use fewer nodes or a smaller heap (--set heap=256)",
			}
		}
	}
	return nil
}
