package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	driver "go.etcd.io/etcd/client/v3"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
	"github.com/lapse-test/lapse/targets/wire"
)

const (
	logName = "etcd.log"
	// prefix begins the keys of a cluster that lapse started.
	prefix = "lapse/"
	// readyKey is written to see whether a node serves: no key of a workload.
	readyKey = "lapse-ready"
)

// System is a running etcd. It is safe for concurrent use.
type System struct {
	*launch.Fleet
	ability.Tokenless
	set    settings
	server Server
	nodes  []access
	// admin are connections of the harness's own, one a node, which are made again when
	// they are lost.
	admin   []*link
	version string
	// gates hold up the clients of each node.
	gates
	members membership
}

var (
	_ targets.System    = (*System)(nil)
	_ ability.Primarier = (*System)(nil)
)

// Start implements targets.Target.
func (Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	set, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	s := &System{Fleet: launch.New("etcd", logName, c, cfg), set: set}
	s.members = membership{joins: map[int][]string{}}
	s.Command, s.Complaint = s.command, complaint
	if s.Image == "" {
		if s.server, err = set.find(ctx, cfg.Cache); err != nil {
			return nil, err
		}
	}
	addrs, err := s.Addrs(clientPort)
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		s.nodes = append(s.nodes, access{Access: wire.Access{Addr: addr}})
	}
	s.gates = newGates(cluster.NodeNames(len(addrs)))
	if s.admin, err = links(s.nodes); err != nil {
		return nil, err
	}
	if err := s.Fleet.Start(ctx, s.form, s.Stop); err != nil {
		return nil, err
	}
	return s, nil
}

// links are connections with all nodes, which are made again when they are lost.
func links(nodes []access) ([]*link, error) {
	var out []*link
	for _, a := range nodes {
		l, err := newLink(a, false)
		if err != nil {
			for _, l := range out {
				l.close()
			}
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// complaint: etcd logs at warn what passes, and at these levels what does not.
func complaint(line string) bool {
	for _, level := range []string{`"level":"error"`, `"level":"fatal"`, `"level":"panic"`, " C | ", " E | ", "panic: "} {
		if strings.Contains(line, level) {
			return true
		}
	}
	return false
}

// form waits until a write and a read went through every node.
func (s *System) form(ctx context.Context) error {
	if err := s.Await(ctx, "to serve", s.serves); err != nil {
		return err
	}
	status, err := s.admin[0].Status(ctx, s.nodes[0].Addr)
	if err != nil {
		return fmt.Errorf("asking for the version: %w", err)
	}
	s.version = status.Version
	return nil
}

func (s *System) serves(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, max(s.set.timeout, time.Second))
	defer cancel()
	return prove(ctx, s.admin[i], readyKey)
}

// prove writes, and reads linearizably: only a member that hears of a leader answers.
func prove(ctx context.Context, l *link, key string) error {
	if _, err := l.Put(ctx, key, "1"); err != nil {
		return fmt.Errorf("writing: %w", l.plain(err))
	}
	if _, err := l.Get(ctx, key); err != nil {
		return fmt.Errorf("reading: %w", l.plain(err))
	}
	return nil
}

// peerURL returns the URL at which the other members reach node i.
func (s *System) peerURL(i int) (string, error) {
	n := s.Nodes[i]
	// All members know one list, so that the address is that of the first other one.
	from := s.Nodes[(i+1)%len(s.Nodes)].Name()
	if len(s.Nodes) == 1 {
		from = cluster.Clients
	}
	addr, err := s.Cluster.Route(from, n.Name(), peerPort)
	return "http://" + addr, err
}

// command starts the server of node i.
func (s *System) command(_ context.Context, i int) (cluster.Command, error) {
	n := s.Nodes[i]
	list := s.members.of(i)
	state, data := "existing", filepath.Join(n.Dir(), fmt.Sprint("data-", s.members.out.Times(i)))
	if err := os.MkdirAll(n.Dir(), 0o755); err != nil {
		return cluster.Command{}, err
	}
	var errs []error
	if list == nil {
		state = "new"
		for j, m := range s.Nodes {
			url, err := s.peerURL(j)
			list, errs = append(list, m.Name()+"="+url), append(errs, err)
		}
	}
	peer, err := s.peerURL(i)
	listenClient, err2 := s.Cluster.Bind(n.Name(), clientPort)
	listenPeer, err3 := s.Cluster.Bind(n.Name(), peerPort)
	if err := errors.Join(append(errs, err, err2, err3)...); err != nil {
		return cluster.Command{}, err
	}
	args := []string{
		"--name", n.Name(), "--data-dir", data, "--logger", "zap", "--log-outputs", "stderr",
		"--listen-client-urls", "http://" + listenClient, "--advertise-client-urls", "http://" + s.nodes[i].Addr,
		"--listen-peer-urls", "http://" + listenPeer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", strings.Join(list, ","), "--initial-cluster-state", state, "--initial-cluster-token", "lapse",
		"--heartbeat-interval", fmt.Sprint(s.set.heartbeat.Milliseconds()), "--election-timeout", fmt.Sprint(s.set.election.Milliseconds()),
	}
	if s.set.noFsync {
		args = append(args, "--unsafe-no-fsync")
	}
	path := s.server.Path
	if s.Image != "" {
		path = program
	}
	return cluster.Command{Path: path, Args: args, Log: logName}, nil
}

// Open implements targets.System.
func (s *System) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	return newClient(s.set, s.nodes, prefix, s.gates.at[session.Home], session), nil
}

// ReplicaLevel implements targets.ReplicaReader.
func (*System) ReplicaLevel() string { return readSerializable }

// Ready implements targets.System.
func (s *System) Ready(ctx context.Context, node string) error {
	return s.ReadyIf(ctx, node, s.serves)
}

// Primary implements ability.Primarier: the leader, by the word of the member with the
// highest term that answers.
func (s *System) Primary(ctx context.Context) (string, error) {
	i, err := leaderOf(ctx, s.admin, s.nodes, s.set.timeout)
	if err != nil {
		return "", err
	}
	return s.Nodes[i].Name(), nil
}

// leaderOf asks all nodes at once.
func leaderOf(ctx context.Context, links []*link, nodes []access, timeout time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, max(timeout, time.Second))
	defer cancel()
	answers := make([]*driver.StatusResponse, len(links))
	var asked sync.WaitGroup
	for i, l := range links {
		asked.Go(func() { answers[i], _ = l.Status(ctx, nodes[i].Addr) }) // one that is down says nothing
	}
	asked.Wait()
	return leaderIndex(answers)
}

func leaderIndex(answers []*driver.StatusResponse) (int, error) {
	var best *driver.StatusResponse
	for _, a := range answers {
		if a != nil && a.Leader != 0 && (best == nil || a.RaftTerm > best.RaftTerm) {
			best = a
		}
	}
	if best == nil {
		return -1, errors.New("no member knows a leader")
	}
	for i, a := range answers {
		if a != nil && a.Header.MemberId == best.Leader {
			return i, nil
		}
	}
	return -1, errors.New("the leader does not answer")
}

// Version implements targets.System.
func (s *System) Version() string {
	if s.Image != "" {
		return s.Named("etcd "+s.version, "")
	}
	return "etcd " + s.version
}

// Stop implements targets.System.
func (s *System) Stop(ctx context.Context) error {
	for _, l := range s.admin {
		l.close()
	}
	return s.Fleet.Stop(ctx)
}
