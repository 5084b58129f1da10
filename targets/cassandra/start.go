package cassandra

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
	"github.com/lapse-test/lapse/targets/wallclock"
)

// startTimeout is for all nodes together, on a loaded machine.
const startTimeout = 5 * time.Minute

// Start implements targets.Target. All nodes are started at once.
func (Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	set, err := resolve(cfg)
	if err != nil {
		return nil, err
	}
	launcher, err := launcherFor(ctx, c, cfg, set)
	if err != nil {
		return nil, err
	}
	if err := checkMemory(set, memoryFile); err != nil {
		return nil, err
	}
	s := &System{
		Fleet: launch.New("Cassandra", logName, c, cfg), set: set, launcher: launcher,
		keyspace: keyspaceName,
		clock:    newClock(), ring: newRing(set.topology),
		admins: make([]*conn, len(c.Nodes())),
	}
	s.Bender = wallclock.NewBender(s.Index, clockFile.Mover(s.Nodes), s.wallClock)
	s.Command, s.Complaint, s.StartTimeout = s.command, launch.JavaComplaint, startTimeout
	if len(s.Nodes) != set.nodes {
		return nil, fmt.Errorf("starting Cassandra: the cluster has %d nodes, the configuration %d", len(s.Nodes), set.nodes)
	}
	s.Progress(fmt.Sprintf("starting %d Cassandra nodes (%v)", len(s.Nodes), &s.set))
	if err := s.Fleet.Start(ctx, s.start, s.Stop); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *System) start(ctx context.Context) error {
	began := time.Now()
	if err := s.Await(ctx, "to listen", s.listening); err != nil {
		return err
	}
	s.Logger.Debug("all nodes listen", "after", time.Since(began))
	if err := s.makeSchema(ctx); err != nil {
		return err
	}
	s.Logger.Debug("the schema is there", "after", time.Since(began))
	if err := s.proveReady(ctx); err != nil {
		return err
	}
	err := s.admin(ctx, 0, func(n *conn) error {
		return n.query(ctx, "SELECT release_version FROM system.local").Scan(&s.version)
	})
	if err != nil {
		return fmt.Errorf("asking for the version: %w", err)
	}
	s.Progress(fmt.Sprintf("%s: %d nodes were ready after %s", s.Version(), len(s.Nodes), duration.Text(time.Since(began))))
	return nil
}

// command prepares node i, whose data stays as it is.
func (s *System) command(ctx context.Context, i int) (cluster.Command, error) {
	n := s.Nodes[i]
	if err := s.launcher.prepare(ctx, n); err != nil {
		return cluster.Command{}, err
	}
	if err := s.writeConfig(i); err != nil {
		return cluster.Command{}, err
	}
	if err := s.installClock(i); err != nil {
		return cluster.Command{}, fmt.Errorf("installing the clock of %s: %w", n.Name(), err)
	}
	return s.launcher.command(n), nil
}

// launcher starts a node's process.
type launcher interface {
	// prepare puts what the software itself brings into the node's directory,
	// before our configuration.
	prepare(ctx context.Context, n cluster.Node) error
	command(n cluster.Node) cluster.Command
}

// launcherFor returns the launcher of nodes on c.
func launcherFor(ctx context.Context, c cluster.Cluster, cfg targets.Config, set settings) (launcher, error) {
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
	addr, err := s.Addr(i, nativePort)
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

// memoryFile tells of the machine's memory, on Linux.
const memoryFile = "/proc/meminfo"

// overhead is a node's memory besides its heap, in MiB (measured: 350).
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
		kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
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
