// Package quorumkv tests the project's own replicated store: every node is a
// process of this binary, so that nothing has to be installed.
package quorumkv

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/leaderless"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/quorum"
	"github.com/lapse-test/lapse/quorumkv/sharded"
	"github.com/lapse-test/lapse/quorumkv/singleleader"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Name is the target's name.
const Name = protocol.Name

// port is what every node listens on, for clients and peers alike.
const port = 7400

// The target's options, spelled as the store's own configuration spells them.
const (
	optMode           = "mode"
	optReplication    = "replication"
	optMembers        = "members"
	optPartitioner    = "partitioner"
	optVirtualNodes   = "virtual_nodes"
	optSplitPoints    = "split_points"
	optReadRepair     = "read_repair"
	optHintedHandoff  = "hinted_handoff"
	optTimestamps     = "write_timestamps"
	optSloppy         = "sloppy_quorum"
	optAntiEntropy    = "anti_entropy"
	optGrace          = "tombstone_grace"
	optDefects        = "defects"
	optRequestTimeout = "request_timeout"
	optFsync          = "fsync"
	optTLS            = "tls"
	optElection       = "election_timeout"
	optLogEntries     = "log_entries"
	optFailover       = "failover"
	optFencing        = "fencing"
	optMaxLag         = "max_lag"
	optSticky         = "sticky"
	optRegions        = "regions"
	optConflicts      = "conflicts"
	optExchange       = "exchange_interval"
	optShards         = "shards"
	optTransactions   = "transactions"
	optKeyDigits      = "key_digits"
	optRangeReads     = "range_reads"
)

// fsyncOff is the value of optFsync with which nothing is synced.
const fsyncOff = "false"

// Target is quorumkv in one of its modes. What the store can do also depends on how mode multi-leader treats conflicts.
type Target struct {
	mode      string
	conflicts multileader.Conflicts
}

// New makes the target in the mode that the store has unless it is told another; Describe makes that of others.
func New() *Target { return &Target{mode: leaderless.Mode} }

var _ targets.Describer = (*Target)(nil)

// Describe implements targets.Describer: levels, settings and functions are those of the mode.
func (t *Target) Describe(_ context.Context, cfg targets.Config) (targets.Target, error) {
	mode := cfg.Options[optMode]
	switch {
	case mode == "":
		return t, nil
	case slices.Contains(modes(), mode):
		return &Target{mode: mode, conflicts: multileader.Conflicts(cfg.Options[optConflicts])}, nil
	}
	return nil, targets.Usagef("--set %s=%s: quorumkv has no such mode; there are: %s", optMode, mode, strings.Join(modes(), ", "))
}

// modes are those of the store, the default first.
func modes() []string {
	return []string{leaderless.Mode, consensus.Mode, singleleader.Mode, multileader.Mode, sharded.Mode}
}

// Info implements targets.Target.
func (t *Target) Info() targets.Info {
	i := targets.Info{
		Name:   Name,
		MaxTxn: 1,
		Options: []targets.Option{
			{Name: optMode, Default: t.mode, Values: modes(), Help: "how replicas agree; levels and settings are those of the mode"},
			{Name: optRequestTimeout, Default: "", Help: "after which a node answers whatever happens (default: a part of the operations' deadline)"},
			{Name: optFsync, Default: "true", Values: []string{"true", fsyncOff}, Help: "sync writes before acknowledging them"},
			{Name: optTLS, Default: off, Values: []string{off, on}, Help: "TLS between nodes and for clients, with certificates that the run makes"},
			{Name: optDefects, Default: "", Help: "defects to switch on, separated by +, each on all nodes or as name@node on one: " + strings.Join(defect.Of(t.mode), ", ")},
		},
		DefaultNodes: 3, MinNodes: 1, MaxNodes: 9,
		Startup: 2 * time.Second,
	}
	switch t.mode {
	case consensus.Mode:
		raftInfo(&i)
		return i
	case singleleader.Mode:
		singleLeaderInfo(&i)
		return i
	case multileader.Mode:
		multiLeaderInfo(&i, t.conflicts)
		return i
	case sharded.Mode:
		shardedInfo(&i)
		return i
	}
	levels := []string{"QUORUM", "ONE", "ALL", "1", "2", "3"}
	i.Summary = "the project's own replicated store: leaderless (R and W per request), one raft group, a single leader, a leader a region, or shards with transactions across them"
	i.ReadLevels, i.WriteLevels, i.Quorums = levels, levels, quorums{}
	i.Funcs = []history.Func{history.Read, history.Write, history.Delete, history.Scan, history.Backup}
	i.Options = append(i.Options,
		targets.Option{Name: optReplication, Default: "", Help: "replicas of a key, N (default: the members, at most 3)"},
		targets.Option{Name: optMembers, Default: "", Help: "nodes that hold keys, separated by +; the others serve clients alone (default: all nodes)"},
		targets.Option{Name: optReadRepair, Default: "async", Values: []string{"off", "async", "blocking"}, Help: "what a read does about replicas that hold something older"},
		targets.Option{Name: optHintedHandoff, Default: "true", Values: []string{"true", "false"}, Help: "keep writes for replicas that miss them"},
		targets.Option{Name: optSloppy, Default: "false", Values: []string{"true", "false"}, Help: "nodes that are no replicas of a key stand in for those that cannot be reached; needs more nodes than replicas"},
		targets.Option{Name: optAntiEntropy, Default: "0s", Help: "between comparisons of replicas in the background, by hash trees; 0s for none"},
		targets.Option{Name: optGrace, Default: "0s", Help: "after which tombstones are removed; 0s keeps them for ever"},
		targets.Option{Name: optTimestamps, Default: "coordinator", Values: []string{"coordinator", "quorum"}, Help: "where a write's timestamp comes from; quorum with read_repair=blocking and W+R>N is linearizable"},
	)
	i.Options = append(i.Options, partitionerOptions()...)
	i.Options = append(i.Options, rangeReadsOption())
	return i
}

// Resolve implements targets.Target.
func (t *Target) Resolve(cfg targets.Config) (targets.Config, error) {
	opts, err := targets.ResolveOptions(t.Info(), cfg.Options)
	if err != nil {
		return cfg, err
	}
	if err := t.checkDefects(opts[optDefects], cfg.Nodes); err != nil {
		return cfg, err
	}
	cfg.Options = opts
	if cfg.OpTimeout == 0 {
		cfg.OpTimeout = targets.DefaultOpTimeout
	}
	switch opts[optMode] {
	case consensus.Mode:
		return resolveRaft(cfg)
	case singleleader.Mode:
		return resolveSingleLeader(cfg)
	case multileader.Mode:
		return resolveMultiLeader(cfg)
	case sharded.Mode:
		return resolveSharded(cfg)
	}
	if err := resolveTimeout(opts, optRequestTimeout, cfg.OpTimeout/4); err != nil {
		return cfg, err
	}
	if err := resolveRepair(opts); err != nil {
		return cfg, err
	}
	if err := resolvePartitioner(opts); err != nil {
		return cfg, err
	}
	if err := resolveRangeReads(opts, cfg.Keys); err != nil {
		return cfg, err
	}
	members, err := memberNames(cfg)
	if err != nil {
		return cfg, err
	}
	if opts[optReplication] == "" {
		opts[optReplication] = strconv.Itoa(min(len(members), 3))
	}
	n, err := strconv.Atoi(opts[optReplication])
	if err != nil || n < 1 || n > len(members) {
		return cfg, targets.Usagef("--set %s=%s: must be a number from 1 to the number of nodes that hold keys, %d", optReplication, opts[optReplication], len(members))
	}
	if cfg.WriteLevel, err = checkLevel("write-level", cfg.WriteLevel, n); err != nil {
		return cfg, err
	}
	cfg.ReadLevel, err = checkLevel("read-level", cfg.ReadLevel, n)
	return cfg, err
}

// resolveTimeout checks a setting that is a duration, after it was given its default.
func resolveTimeout(opts map[string]string, name string, otherwise time.Duration) error {
	if opts[name] == "" {
		opts[name] = max(otherwise, 20*time.Millisecond).String()
	}
	_, err := targets.DurationOption(opts, name, time.Millisecond, time.Hour)
	return err
}

// resolveRepair checks what mode leaderless does in the background.
func resolveRepair(opts map[string]string) error {
	for _, s := range []struct {
		name  string
		least time.Duration
	}{{optAntiEntropy, 10 * time.Millisecond}, {optGrace, 100 * time.Millisecond}} {
		if d, err := time.ParseDuration(opts[s.name]); err != nil || d != 0 && (d < s.least || d > 24*time.Hour) {
			return targets.Usagef("--set %s=%s: must be 0s, or a duration from %v to 24h", s.name, opts[s.name], s.least)
		}
	}
	if opts[optSloppy] == "true" && opts[optHintedHandoff] != "true" {
		return targets.Usagef("--set %s=true: needs %s=true, by which what stood in reaches the replicas", optSloppy, optHintedHandoff)
	}
	return nil
}

func (t *Target) checkDefects(given string, n int) error {
	nodes, known := cluster.NodeNames(n), defect.Of(t.mode)
	for _, d := range splitDefects(given) {
		if !slices.Contains(known, d.name) {
			return targets.Usagef("--set %s=%s: mode %s has no defect %q; there are: %s", optDefects, given, t.mode, d.name, strings.Join(known, ", "))
		}
		if d.node != "" && !slices.Contains(nodes, d.node) {
			return targets.Usagef("--set %s=%s: no node %q; there are: %s", optDefects, given, d.node, strings.Join(nodes, ", "))
		}
	}
	return nil
}

func checkLevel(flag, level string, n int) (string, error) {
	if level == "" {
		return quorum.Quorum.String(), nil
	}
	upper := strings.ToUpper(level)
	if _, err := replicasOf(upper, n); err != nil {
		return "", targets.Usagef("--%s %s: mode %s: %v (N is %d)", flag, level, leaderless.Mode, err, n)
	}
	return upper, nil
}

// replicasOf is how many of n replicas a level asks for.
func replicasOf(level string, n int) (int, error) {
	l, err := quorum.ParseLevel(level)
	if err != nil {
		return 0, err
	}
	return l.Count(n)
}

// onNode is a defect of one node, or of all if node is empty.
type onNode struct{ name, node string }

func splitDefects(s string) []onNode {
	var out []onNode
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == '+' || r == ',' }) {
		name, node, _ := strings.Cut(part, "@")
		out = append(out, onNode{name, node})
	}
	return out
}

// image is all that this binary needs around it in a container.
const image = "debian:12.11-slim"

// Spec implements targets.Target.
func (*Target) Spec(cfg targets.Config) cluster.Spec {
	container := &cluster.Container{Image: cfg.ImageOr(image)}
	if binary, err := os.Executable(); err == nil { // else Start says so
		container.Mounts = []string{binary}
	}
	return cluster.Spec{Run: cfg.Run, Nodes: cluster.NodeNames(cfg.Nodes), Ports: []int{port}, LinkByLink: true, Container: container}
}

// Abilities implements targets.Target.
func (*Target) Abilities(cfg targets.Config) []ability.Ability {
	can := []ability.Ability{ability.Restart, ability.Shutdown, ability.Clock, ability.Death}
	if cfg.Options[optFsync] != fsyncOff {
		can = append(can, ability.Sync)
	}
	if carries(cfg) != "" {
		can = append(can, ability.Token)
	}
	switch cfg.Options[optMode] {
	case leaderless.Mode:
		if membersChange(cfg) {
			can = append(can, ability.Membership)
			if cfg.Options[optPartitioner] == string(placement.Range) {
				can = append(can, ability.Ranges)
			}
		}
		return can
	case consensus.Mode:
		if membersChange(cfg) {
			can = append(can, ability.Membership, ability.Majority)
		}
	case multileader.Mode:
		return append(can, ability.Centres)
	}
	return append(can, ability.Primary)
}

// replicas is N of a resolved configuration.
func replicas(cfg targets.Config) (int, error) {
	n, err := strconv.Atoi(cfg.Options[optReplication])
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", optReplication, err)
	}
	return n, nil
}

// Levels counts the replicas of a resolved configuration and those that its
// write and read levels ask for: N, W and R.
func Levels(cfg targets.Config) (n, w, r int, err error) {
	if n, err = replicas(cfg); err != nil {
		return 0, 0, 0, err
	}
	if w, err = replicasOf(cfg.WriteLevel, n); err != nil {
		return 0, 0, 0, err
	}
	if r, err = replicasOf(cfg.ReadLevel, n); err != nil {
		return 0, 0, 0, err
	}
	return n, w, r, nil
}
