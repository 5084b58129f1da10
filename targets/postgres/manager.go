package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/targets/cluster"
	packages "github.com/lapse-test/lapse/targets/software"
)

// manager is Patroni: a process on every node, which starts, promotes, demotes and
// rewinds the PostgreSQL there, and etcd, where the leader's lease is. The nodes' main
// processes are Patroni's, and their servers are killed and paused with them. Who takes
// the writes is found as a load balancer in front of Patroni finds it: the node whose
// GET /primary answers 200.
//
// Its methods are safe for concurrent use once start has returned.
type manager struct {
	sys      *System
	programs map[string]string
	// members are the nodes of etcd.
	members []cluster.Node
	client  *http.Client

	// ctx ends with the watch and with what startMember started.
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

const (
	programPatroni = "patroni"
	programEtcd    = "etcd"
)

// patroniLog is the file in a node's log directory that Patroni and its server write to.
const patroniLog = logName

// patroniSource lists the packages of Patroni and its store.
var patroniSource = packages.Debian{
	Title: "Patroni", Packages: []string{"patroni", "python3-etcd", "etcd-server", "postgresql"},
	Programs: []string{programPatroni, programEtcd}, Dirs: []string{"/usr/bin", "/usr/local/bin"},
	Files:       []string{"/usr/lib/python3/dist-packages/etcd/__init__.py"}, // without it Patroni knows no etcd
	VersionArgs: []string{"--version"}, Version: regexp.MustCompile(`patroni ([0-9.]+)`),
}

// withPatroni adds what Patroni calls to a PostgreSQL that was found.
func (s software) withPatroni(ctx context.Context, cache string) (map[string]string, string, error) {
	found, err := patroniSource.Find(ctx, cache)
	if err != nil {
		return nil, "", err
	}
	for _, name := range []string{"pg_ctl", "pg_controldata", "pg_isready", "pg_basebackup", "pg_rewind"} {
		if _, err := os.Stat(filepath.Join(s.bindir, name)); err != nil {
			return nil, "", &cluster.EnvironmentError{
				Doing: "looking for what Patroni calls", Err: err,
				Way: "install a whole PostgreSQL: " + patroniSource.Install(),
			}
		}
	}
	return found.Paths, found.Version, nil
}

func newManager(s *System, programs map[string]string) *manager {
	m := &manager{sys: s, programs: programs, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// start has the first node make a new cluster and the others copy it, and returns when
// the first takes writes.
func (m *manager) start(ctx context.Context) error {
	s := m.sys
	if err := m.findMembers(); err != nil {
		return err
	}
	s.Progress(fmt.Sprintf("starting etcd on %d and Patroni with %s on %s", len(m.members), s.software, count.Of(len(s.Nodes), "node")))
	for i := range m.members {
		if err := m.startMember(ctx, i); err != nil {
			return err
		}
	}
	if err := m.awaitMembers(ctx); err != nil {
		return err
	}
	if err := m.launch(ctx, 0); err != nil {
		return err
	}
	err := s.WhileRunning(ctx, func(ctx context.Context) error {
		return cluster.Await(ctx, s.Nodes[0].Name()+" to lead", func(ctx context.Context) error {
			_, err := m.leads(ctx, 0)
			return err
		})
	}, 0)
	if err != nil {
		return err
	}
	for i := range s.Nodes[1:] {
		if err := m.launch(ctx, i+1); err != nil {
			return err
		}
	}
	return nil
}

// awaitSynchronous waits until Patroni says of a standby that it is the synchronous one. That
// PostgreSQL has it is not enough: until Patroni's first choice is in etcd every standby
// may be promoted, and a leader that is cut off from its choice waits for it for good.
func (m *manager) awaitSynchronous(ctx context.Context) error {
	s := m.sys
	return cluster.Await(ctx, "Patroni to choose a synchronous standby", func(ctx context.Context) error {
		var errs []error
		for i := range s.Nodes {
			addr, err := s.Addr(i, rest)
			if err != nil {
				return err
			}
			var said struct{}
			if err = m.get(ctx, "http://"+addr+"/synchronous", &said); err == nil {
				return nil
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}

// launch starts the Patroni of a node.
func (m *manager) launch(ctx context.Context, node int) error {
	n := m.sys.Nodes[node]
	text, err := m.patroniConfig(node)
	if err != nil {
		return err
	}
	file := filepath.Join(n.Dir(), "patroni.json")
	if err := writeFile(file, text, 0o600); err != nil {
		return fmt.Errorf("configuring %s: %w", n.Name(), err)
	}
	if err := m.sys.own(n, n.Dir()); err != nil {
		return err
	}
	return n.Start(ctx, cluster.Command{Path: m.programs[programPatroni], Args: []string{file}, Log: patroniLog, NotRoot: true})
}

// restart starts a killed node again, and its member of etcd if it had one.
func (m *manager) restart(ctx context.Context, node int) error {
	for i, member := range m.members {
		if member.Name() == m.sys.Nodes[node].Name() {
			if err := m.startMember(ctx, i); err != nil {
				return err
			}
		}
	}
	if err := m.sys.unlock(node); err != nil {
		return err
	}
	return m.launch(ctx, node)
}

// leads returns nil if the node has the lease, with the timeline that it writes.
func (m *manager) leads(ctx context.Context, node int) (timeline int, err error) {
	addr, err := m.sys.Addr(node, rest)
	if err != nil {
		return 0, err
	}
	var body struct {
		State, Role string
		Timeline    int
	}
	if err := m.get(ctx, "http://"+addr+"/primary", &body); err != nil {
		return 0, fmt.Errorf("its Patroni says that it is %s and %s: %w", body.Role, body.State, err)
	}
	return body.Timeline, nil
}

// follow looks once who leads. Should two say so, the one with the later timeline was
// promoted later.
func (m *manager) follow(ctx context.Context) {
	s := m.sys
	timelines := make([]int, len(s.Nodes))
	var asked sync.WaitGroup
	for i := range s.Nodes {
		asked.Go(func() { timelines[i], _ = m.leads(ctx, i) }) // 0 where it does not lead
	}
	asked.Wait()
	was := s.primaryIndex()
	leader := was
	for i, timeline := range timelines {
		if timeline > timelines[leader] {
			leader = i
		}
	}
	if leader == was {
		return
	}
	s.primary.Store(int32(leader))
	s.Tell("failover", "%s has the leader's lease now; before it was %s", s.Nodes[leader].Name(), s.Nodes[was].Name())
}

// stop ends etcd, at the latest when ctx is done; it may be called more
// than once.
func (m *manager) stop(ctx context.Context) error {
	m.cancel()
	m.running.Wait()
	var errs []error
	for _, n := range m.members {
		errs = append(errs, n.Kill(ctx))
	}
	return errors.Join(errs...)
}
