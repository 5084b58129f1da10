package postgres

import (
	"context"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	packages "github.com/lapse-test/lapse/targets/software"
)

// The option pooler: what stands between clients and each server is PgBouncer with this
// pool_mode, or nothing.
const (
	optPooler         = "pooler"
	poolerNone        = "none"
	poolerSession     = "session"
	poolerTransaction = "transaction"
)

// poolerPort is the port of the poolers, as a Spec numbers it.
const poolerPort = 6432

// sharedConnections is how many connections to its server a pooler shares among all
// sessions in transaction mode: fewer than there are sessions, so that they do share.
const sharedConnections = 4

// sessionConnections is how many sessions a pooler serves in session mode. Each keeps a connection
// to the server, which has others beside them: the superuser's, and those of clients that are
// gone while their last statement still waits for standbys.
const sessionConnections = maxConnections - 50

// poolSizes is how many connections to its server a pooler has in this mode, and to how many
// clients. In session mode nobody waits for a connection that another one keeps for life:
// whoever finds none is refused.
func poolSizes(mode string) (servers, clients int) {
	if mode == poolerTransaction {
		return sharedConnections, maxConnections
	}
	return sessionConnections, sessionConnections
}

// notPooledInContainers is why nodes with poolers are no containers.
const notPooledInContainers = "PgBouncer is started beside the server, whose image does not have it; use --provider sandbox or local, or leave --set " + optPooler + " out"

// pgbouncer is the Debian package.
var pgbouncer = packages.Debian{
	Title: "PgBouncer", Packages: []string{"pgbouncer"}, Programs: []string{"pgbouncer"}, Dirs: []string{"/usr/sbin", "/usr/local/sbin"},
	VersionArgs: []string{"--version"}, Version: regexp.MustCompile(`PgBouncer ([0-9.]+)`),
}

// poolerCombination refuses what a pooler would make something else of.
func (s settings) poolerCombination(containers bool) error {
	with := fmt.Sprintf(" with --set %s=%s: ", optPooler, s.pooler)
	switch {
	case s.pooler == poolerNone:
		return nil
	case containers:
		return targets.Usagef("--set %s=%s: %s", optPooler, s.pooler, notPooledInContainers)
	case s.failover != failoverOff:
		return targets.Usagef("--set failover=%s%sa pooler does not tell its clients that the server behind it is no primary any more, so that they would read from a former one; use one of them", s.failover, with)
	case s.multiLeader:
		return targets.Usagef("--set %s=%s%sleaders are looked after by sessions of their own; use one of them", optTopology, topologyMultiLeader, with)
	case s.pooler == poolerTransaction && s.isolation == isolationSerializable && s.nodes > 1:
		return targets.Usagef("--set %s=%s%sit is set on the role, which the standbys have too, where PostgreSQL has no serializable transactions; use --set %s=%s, repeatable read, or --nodes 1",
			optIsolation, s.isolation, with, optPooler, poolerSession)
	}
	return nil
}

// poolers are the PgBouncers of a System: one on each node, which is killed, paused and cut off with
// the server that it serves. The zero value has none.
type poolers struct {
	path, version string
	// ctx ends with the system, and what runs with it.
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu sync.Mutex
	// last is the one that was started last on each node.
	last map[int]pooling
}

// pooling is a pooler that was started.
type pooling struct {
	// kill sends SIGKILL to it.
	kill context.CancelFunc
	// ended is closed when it has ended.
	ended <-chan struct{}
}

// runs tells whether it has not ended; one that was never started has.
func (p pooling) runs() bool {
	select {
	case <-p.ended:
		return false
	default:
		return p.ended != nil
	}
}

// on is the pooler that was started last on a node.
func (p *poolers) on(node int) pooling {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last[node]
}

// stop ends them and returns when they have ended; it may be called more than once.
func (p *poolers) stop() {
	if p.cancel != nil {
		p.cancel()
		p.running.Wait()
	}
}

// find looks for the program, and lets poolers be started.
func (p *poolers) find(ctx context.Context, cache string) error {
	found, err := pgbouncer.Find(ctx, cache)
	if err != nil {
		return err
	}
	p.path, p.version = found.Paths["pgbouncer"], found.Version
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return nil
}

// startPooler starts the pooler of a node whose server was started. It ends with the node's
// processes.
func (s *System) startPooler(node int) error {
	if s.set.pooler == poolerNone || s.poolers.ctx == nil {
		return nil
	}
	n := s.Nodes[node]
	file := filepath.Join(n.Dir(), "pgbouncer.ini")
	users := filepath.Join(n.Dir(), "pgbouncer.users")
	text, err := s.poolerConfig(n, users)
	if err != nil {
		return fmt.Errorf("configuring the pooler of %s: %w", n.Name(), err)
	}
	for path, text := range map[string]string{file: text, users: fmt.Sprintf("%q %q\n", clientUser, s.password)} {
		if err := writeFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("configuring the pooler of %s: %w", n.Name(), err)
		}
		if err := s.own(n, path); err != nil {
			return err
		}
	}
	ctx, kill := context.WithCancel(s.poolers.ctx)
	ended := make(chan struct{})
	s.poolers.mu.Lock()
	if s.poolers.last == nil {
		s.poolers.last = map[int]pooling{}
	}
	s.poolers.last[node] = pooling{kill, ended}
	s.poolers.mu.Unlock()
	s.poolers.running.Go(func() {
		defer close(ended)
		defer kill()
		// It ends when the node is killed, which is no error; what else ends it is in its log.
		_, err := n.Exec(ctx, cluster.Command{Path: s.poolers.path, Args: []string{"-q", file}, NotRoot: true})
		s.Logger.Info("a pooler has ended", "node", n.Name(), "error", err)
	})
	return nil
}

// poolerConfig is the configuration of the pooler of n. What it does not say is as PgBouncer has it.
func (s *System) poolerConfig(n cluster.Node, users string) (string, error) {
	var at [2]struct{ host, port string }
	for i, p := range []int{port, poolerPort} {
		bind, err := s.Cluster.Bind(n.Name(), p)
		if err != nil {
			return "", err
		}
		if at[i].host, at[i].port, err = net.SplitHostPort(bind); err != nil {
			return "", err
		}
	}
	auth := "trust"
	if s.password != "" {
		auth = "scram-sha-256"
	}
	servers, clients := poolSizes(s.set.pooler)
	return strings.Join([]string{
		"[databases]",
		fmt.Sprintf("%s = host=%s port=%s dbname=%s", database, at[0].host, at[0].port, database),
		"[pgbouncer]",
		"listen_addr = " + at[1].host,
		"listen_port = " + at[1].port,
		"unix_socket_dir =",
		"auth_type = " + auth,
		"auth_file = " + users,
		"pool_mode = " + s.set.pooler,
		fmt.Sprintf("default_pool_size = %d", servers),
		fmt.Sprintf("max_client_conn = %d", clients),
		"server_login_retry = 1", // its 15 s are longer than a fault
		"logfile = " + filepath.Join(n.LogDir(), "pgbouncer.log"),
		"log_connections = 0",
		"log_disconnections = 0",
		"",
	}, "\n"), nil
}

// dialPooler connects to the pooler of a node. In mode session what a session wants is set by
// statements; in mode transaction it has no connection of its own, so that the role has it (see
// roleSettings) and nothing is prepared.
func (s *System) dialPooler(ctx context.Context, node int, who login) (*conn, error) {
	addr, err := s.Addr(node, poolerPort)
	if err != nil {
		return nil, err
	}
	params := who.params
	who.params = map[string]string{"application_name": params["application_name"]}
	who.unprepared = s.set.pooler == poolerTransaction
	c, err := dial(ctx, addr, who)
	if err != nil {
		return nil, err
	}
	if who.unprepared {
		params = nil
	}
	if err := c.settle(ctx, params, true); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// pooled says that who connects through the poolers: clients do, the harness does not.
func (s *System) pooled(who login) bool {
	return s.set.pooler != poolerNone && s.poolers.ctx != nil && who.user == clientUser
}

// roleSettings are statements that give the clients' role what each session sets otherwise,
// where sessions have no connection that keeps it.
func (s *System) roleSettings() string {
	if s.set.pooler != poolerTransaction {
		return ""
	}
	var b strings.Builder
	params := s.clientLogin(0, s.set, s.primaryIndex()).params
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if name != "application_name" {
			fmt.Fprintf(&b, "ALTER ROLE %s SET %s TO %s;\n", clientUser, name, quote(params[name]))
		}
	}
	return b.String()
}

// poolerServes asks through the pooler of a node, if it has one.
func (s *System) poolerServes(ctx context.Context, node int) error {
	who := s.clientLogin(0, s.set, node)
	if !s.pooled(who) {
		return nil
	}
	c, err := s.dialPooler(ctx, node, who)
	if err != nil {
		return fmt.Errorf("asking the pooler of %s: %w", s.Nodes[node].Name(), err)
	}
	c.close()
	return nil
}
