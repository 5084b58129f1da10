package quorumkv

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/leaderless"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/quorum"
	"github.com/lapse-test/lapse/quorumkv/sharded"
	"github.com/lapse-test/lapse/quorumkv/singleleader"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

// readyTimeout bounds the wait for all nodes to serve.
const readyTimeout = 30 * time.Second

const logName = "quorumkv.log"

// System is a running quorumkv.
type System struct {
	*launch.Fleet
	cfg    targets.Config
	nodes  []string
	binary string
	// admin are clients of the harness's own, one a node, safe for concurrent
	// use.
	admin map[string]*client.Client
	// at, prefix and written are for an external cluster: where its nodes are, what
	// begins every key and tenant, and what may have been written. They are nil and empty
	// for a store of ours, and Fleet is nil for an external one.
	at      []string
	prefix  string
	written *keySet

	secure       secured
	lives        lives
	transactions transactions
	pages        pages

	mu      sync.Mutex
	offsets map[string]time.Duration
}

// Start implements targets.Target.
func (*Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this binary, which serves quorumkv: %w", err)
	}
	s := &System{
		Fleet: launch.New(Name, logName, c, cfg),
		cfg:   cfg, binary: binary, admin: map[string]*client.Client{}, offsets: map[string]time.Duration{},
	}
	s.StartTimeout = readyTimeout
	s.Command = s.command
	addrs, err := s.Addrs(port)
	if err != nil {
		return nil, err
	}
	if cfg.Options[optTLS] == on {
		if s.secure, err = s.certify(addrs); err != nil {
			return nil, err
		}
	}
	for i, n := range s.Nodes {
		s.nodes = append(s.nodes, n.Name())
		s.admin[n.Name()] = s.client(addrs[i], (&net.Dialer{}).DialContext)
	}
	err = s.Fleet.Start(ctx, func(ctx context.Context) error {
		return s.Await(ctx, "to serve", func(ctx context.Context, i int) error { return s.Ready(ctx, s.nodes[i]) })
	}, s.Stop)
	if err != nil {
		return nil, err
	}
	switch cfg.Options[optMode] {
	case leaderless.Mode:
		if membersChange(cfg) {
			m := newMemberedSystem(s)
			if cfg.Options[optPartitioner] == string(placement.Range) {
				return &rangedSystem{m}, nil
			}
			return m, nil
		}
		return s, nil
	case consensus.Mode:
		if membersChange(cfg) {
			return &raftSystem{newMemberedSystem(s)}, nil
		}
	case multileader.Mode:
		return &regionalSystem{s}, nil
	}
	return &orderedSystem{s}, nil
}

func (s *System) command(_ context.Context, i int) (cluster.Command, error) {
	args, err := s.args(i, s.Nodes[i])
	return cluster.Command{Path: s.binary, Args: args, Log: logName}, err
}

func (s *System) args(i int, node cluster.Node) ([]string, error) {
	bind, err := s.Cluster.Bind(node.Name(), port)
	if err != nil {
		return nil, fmt.Errorf("finding what %s listens on: %w", node.Name(), err)
	}
	o := s.cfg.Options
	request, err := time.ParseDuration(o[optRequestTimeout])
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", optRequestTimeout, err)
	}
	data := "data"
	life := s.lives.out.Times(i)
	if life > 0 {
		data = fmt.Sprintf("data-%d", life+1)
	}
	args := []string{
		Name, "serve", "--testing", "--log-level", "debug",
		"--node", node.Name(), "--listen", bind, "--data-dir", filepath.Join(node.Dir(), data),
		"--mode", o[optMode],
		"--fsync=" + o[optFsync],
		"--request-timeout", request.String(),
	}
	if life > 0 {
		args = append(args, "--join")
	}
	args = append(args, s.secure.args(node.Name())...)
	args = append(args, s.modeArgs(request)...)
	for _, peer := range s.nodes {
		if peer == node.Name() {
			continue
		}
		addr, err := s.Cluster.Route(node.Name(), peer, port)
		if err != nil {
			return nil, fmt.Errorf("finding the way from %s to %s: %w", node.Name(), peer, err)
		}
		args = append(args, "--peers", peer+"="+addr)
	}
	for _, d := range splitDefects(o[optDefects]) {
		if d.node == "" || d.node == node.Name() {
			args = append(args, "--defects", d.name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if off := s.offsets[node.Name()]; off != 0 {
		args = append(args, "--clock-offset", off.String())
	}
	return args, nil
}

// modeArgs are the settings of the mode.
func (s *System) modeArgs(request time.Duration) []string {
	o := s.cfg.Options
	switch o[optMode] {
	case consensus.Mode:
		args := []string{"--election-timeout", o[optElection], "--log-entries", o[optLogEntries], "--peer-timeout", o[optElection], "--max-lag", o[optMaxLag]}
		return append(args, membersArgs(o)...)
	case sharded.Mode:
		return []string{"--election-timeout", o[optElection], "--log-entries", o[optLogEntries], "--peer-timeout", o[optElection],
			"--shards", o[optShards], "--transactions", o[optTransactions]}
	case singleleader.Mode:
		return []string{"--election-timeout", o[optElection], "--peer-timeout", o[optElection], "--max-lag", o[optMaxLag],
			fmt.Sprintf("--failover=%t", o[optFailover] == on), fmt.Sprintf("--fencing=%t", o[optFencing] == on)}
	}
	if o[optMode] == multileader.Mode {
		return []string{"--regions", o[optRegions], "--conflicts", o[optConflicts], "--exchange-interval", o[optExchange], "--peer-timeout", peerTimeout(request).String()}
	}
	args := partitionerArgs(o)
	args = append(args, membersArgs(o)...)
	return append(args,
		"--replication", o[optReplication],
		"--read-repair", o[optReadRepair],
		"--hinted-handoff="+o[optHintedHandoff],
		"--sloppy-quorum="+o[optSloppy],
		"--anti-entropy", o[optAntiEntropy],
		"--tombstone-grace", o[optGrace],
		"--write-timestamps", o[optTimestamps],
		"--peer-timeout", peerTimeout(request).String(),
	)
}

// membersArgs say which nodes are members at first, if not all.
func membersArgs(options map[string]string) []string {
	if m := options[optMembers]; m != "" {
		return []string{"--members", strings.ReplaceAll(m, "+", ",")}
	}
	return nil
}

// Ready implements targets.System: the node serves, is connected with every
// other node that runs, and a write and a read at the weakest level went through it.
func (s *System) Ready(ctx context.Context, node string) error {
	return s.ReadyIf(ctx, node, func(ctx context.Context, _ int) error {
		return s.serves(ctx, node, func(h protocol.Health) error { return s.connected(node, h) })
	})
}

// connected returns nil if the node says that it is connected with every other one that runs.
func (s *System) connected(node string, h protocol.Health) error {
	for name, p := range h.Peers {
		peer, err := s.Cluster.Node(name)
		if err != nil {
			return err
		}
		if peer.State() == cluster.Running && !p.Connected {
			return fmt.Errorf("%s is not connected with %s: %s", node, name, p.Error)
		}
	}
	return nil
}

// serves returns nil when connected says so of how the node is, and a write and a
// read at the weakest level went through it; of modes with a leader, a read at that; of
// mode sharded, a transaction in all shards.
func (s *System) serves(ctx context.Context, node string, connected func(protocol.Health) error) error {
	c, ok := s.admin[node]
	if !ok {
		return fmt.Errorf("no node %q; there are %s", node, strings.Join(s.nodes, ", "))
	}
	h, err := c.Health(ctx)
	if err != nil {
		return fmt.Errorf("asking %s how it is: %w", node, err)
	}
	if err := connected(h); err != nil {
		return err
	}
	if s.cfg.Options[optMode] == sharded.Mode {
		return s.servesShards(ctx, node)
	}
	key := s.readyKey(node)
	s.written.add(kept{key: key})
	write, read := s.weakest()
	got, err := c.Get(ctx, key, read, "")
	if err != nil {
		return fmt.Errorf("reading through %s: %w", node, err)
	}
	var seen []byte // so that what was written the last time is replaced
	if got != nil {
		seen = got.Context
	}
	if !s.keepsSiblings() {
		seen = nil
	}
	if _, err := c.PutSeen(ctx, key, []byte(s.cfg.Run), seen, write); err != nil {
		return fmt.Errorf("writing through %s: %w", node, err)
	}
	return nil
}

// weakest are the levels at which a node is asked whether it serves. There is no leader without a majority, so that in modes
// with one its answer says more than that of a follower.
func (s *System) weakest() (write, read string) {
	switch s.cfg.Options[optMode] {
	case consensus.Mode:
		return consensus.LevelMajority, consensus.LevelReadIndex
	case singleleader.Mode:
		return singleleader.LevelAsync, singleleader.LevelLeader
	case multileader.Mode:
		return multileader.LevelLeader, multileader.LevelLeader
	}
	return quorum.One.String(), quorum.One.String()
}

// strictest is the level of reads that see every acknowledged write, in modes that compare and set.
func (s *System) strictest() string {
	if s.cfg.Options[optMode] == singleleader.Mode {
		return singleleader.LevelLeader
	}
	return consensus.LevelReadIndex
}

// ReplicaLevel implements targets.ReplicaReader: the level at which a node answers from what it has. In mode leaderless that is ONE,
// at a node that has the key.
func (s *System) ReplicaLevel() string {
	switch s.cfg.Options[optMode] {
	case consensus.Mode, sharded.Mode:
		return consensus.LevelFollower
	case singleleader.Mode:
		return singleleader.LevelFollower
	case multileader.Mode:
		return multileader.LevelLocal
	}
	return quorum.One.String()
}

// readyKey is written to see whether a node serves: no key of a workload.
func (s *System) readyKey(node string) string { return s.prefix + "ready-" + node }

// addr is where sessions reach the node with this index.
func (s *System) addr(node int) (string, error) {
	if s.at != nil {
		return s.at[node], nil
	}
	return s.Addr(node, port)
}

// Version implements targets.System. The store is part of this binary, which
// has its version.
func (s *System) Version() string {
	return "quorumkv, " + s.cfg.Options[optMode] + ", " + runtime.Version()
}

// Stop implements targets.System.
func (s *System) Stop(ctx context.Context) error {
	for _, c := range s.admin {
		c.Close()
	}
	return s.Fleet.Stop(ctx)
}

// Replicas implements targets.ReplicaPlacer.
func (s *System) Replicas(ctx context.Context, key history.Key) ([]string, error) {
	ring, err := s.ring(ctx, key)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(ring.Replicas))
	for i, n := range ring.Replicas {
		names[i] = n.Name
	}
	return names, nil
}

// ring asks for the place of a key, which every node knows.
func (s *System) ring(ctx context.Context, key history.Key) (protocol.Ring, error) {
	conn, name := s.place(s.admin[s.nodes[0]], key)
	ring, err := conn.Ring(ctx, name)
	if err != nil {
		return ring, fmt.Errorf("asking for the replicas of %s: %w", key, err)
	}
	return ring, nil
}

// BendClock implements ability.ClockBender, in whole milliseconds.
func (s *System) BendClock(ctx context.Context, node string, offset time.Duration) (time.Duration, error) {
	c, ok := s.admin[node]
	if !ok {
		return 0, s.noNode(node)
	}
	if err := c.SetClock(ctx, offset); err != nil {
		return 0, fmt.Errorf("bending the clock of %s: %w", node, err)
	}
	if err := s.StepClock(ctx, node, offset); err != nil {
		return 0, err
	}
	return s.ReadClock(ctx, node)
}

// StepClock implements ability.ClockBender, in whole milliseconds.
func (s *System) StepClock(_ context.Context, node string, offset time.Duration) error {
	if _, ok := s.admin[node]; !ok {
		return s.noNode(node)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offsets[node] = offset.Truncate(time.Millisecond)
	return nil
}

// ReadClock implements ability.ClockBender.
func (s *System) ReadClock(ctx context.Context, node string) (time.Duration, error) {
	c, ok := s.admin[node]
	if !ok {
		return 0, s.noNode(node)
	}
	h, err := c.Health(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the clock of %s: %w", node, err)
	}
	return time.Duration(h.ClockOffsetMS) * time.Millisecond, nil
}

func (s *System) noNode(name string) error {
	return fmt.Errorf("no node %q; there are %s", name, strings.Join(s.nodes, ", "))
}
