package cassandra

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/targets"
)

// settings are a resolved configuration.
type settings struct {
	topology
	read, write level
	// clientTime says that writes carry the harness's timestamps.
	clientTime bool
	readRepair string
	// speculative is the table's speculative_retry.
	speculative string
	hints       bool
	// commitLog is commitlog_sync.
	commitLog string
	phi       int
	paxos     string
	// heap is each node's heap in MiB.
	heap int
	// serverTimeout bounds a coordinator's wait for replicas.
	serverTimeout time.Duration
	opTimeout     time.Duration
}

// The bounds of what can be asked for.
const (
	defaultNodes = 3
	maxNodes     = 5
	defaultRF    = 3
)

func options() []targets.Option {
	return []targets.Option{
		{Name: "rf", Help: "replication factor in each data centre (default: 3, or as many as a data centre has nodes)"},
		{Name: "dcs", Default: "1", Values: []string{"1", "2"}, Help: "data centres that the nodes are divided between"},
		{Name: "num_tokens", Default: "16", Help: "virtual nodes of each node, 1 to 256"},
		{Name: "timestamps", Default: "client", Values: []string{"client", "coordinator"}, Help: "whose clock stamps a write: the harness's one, as drivers do it by default, or that of the node that coordinates it"},
		{Name: "read_repair", Default: "BLOCKING", Values: []string{"BLOCKING", "NONE"}, Help: "read_repair of the table"},
		{Name: "speculative_retry", Default: "99p", Help: "speculative_retry of the table: NEVER, ALWAYS, a percentile such as 99p, or a time such as 50ms"},
		{Name: "hinted_handoff", Default: "on", Values: []string{"on", "off"}, Help: "keep writes for replicas that are down (hinted_handoff_enabled)"},
		{Name: "commitlog_sync", Default: "batch", Values: []string{"batch", "group", "periodic"}, Help: "when a write is on disk: before it is acknowledged, or periodically, which is Cassandra's default and forgets acknowledged writes of a killed node"},
		{Name: "phi_convict_threshold", Default: "8", Help: "how sure the failure detector must be that a node is down, 5 to 16"},
		{Name: "paxos_variant", Default: "v1", Values: []string{"v1", "v2"}, Help: "the algorithm of lightweight transactions"},
		{Name: "heap", Default: "512", Help: "heap of each node in MiB, 256 to 8192"},
	}
}

var speculativeRetry = regexp.MustCompile(`^(?i:(NEVER|NONE|ALWAYS)|(\d{1,2}(\.\d+)?)p(ercentile)?|\d+(\.\d+)?ms)$`)

// resolve checks cfg, whose options are complete except for rf.
func resolve(cfg targets.Config) (settings, error) {
	var s settings
	s.nodes = cfg.Nodes
	if s.nodes < 1 || s.nodes > maxNodes {
		return s, targets.Usagef("%d nodes: cassandra runs with 1 to %d on this machine, each takes about 900 MB of memory", s.nodes, maxNodes)
	}
	o := cfg.Options
	number := func(name string, from, to int) (int, error) {
		n, err := strconv.Atoi(o[name])
		if err != nil || n < from || n > to {
			return 0, targets.Usagef("--set %s=%s: want a number from %d to %d", name, o[name], from, to)
		}
		return n, nil
	}
	var err error
	for _, f := range []struct {
		name     string
		from, to int
		into     *int
	}{
		{"dcs", 1, 2, &s.dcs},
		{"num_tokens", 1, 256, &s.vnodes},
		{"phi_convict_threshold", 5, 16, &s.phi},
		{"heap", 256, 8192, &s.heap},
	} {
		if *f.into, err = number(f.name, f.from, f.to); err != nil {
			return s, err
		}
	}
	if s.nodes < s.dcs {
		return s, targets.Usagef("--set dcs=%d with %d node: each data centre needs a node; name at least %d", s.dcs, s.nodes, s.dcs)
	}
	if err := s.resolveRF(o["rf"]); err != nil {
		return s, err
	}
	if s.read, err = parseLevel(cfg.ReadLevel, true, s.topology); err != nil {
		return s, err
	}
	if s.write, err = parseLevel(cfg.WriteLevel, false, s.topology); err != nil {
		return s, err
	}
	s.speculative = o["speculative_retry"]
	if !speculativeRetry.MatchString(s.speculative) {
		return s, targets.Usagef("--set speculative_retry=%s: want NEVER, ALWAYS, a percentile such as 99p, or a time such as 50ms", s.speculative)
	}
	s.clientTime = o["timestamps"] == "client"
	s.readRepair = o["read_repair"]
	s.hints = o["hinted_handoff"] == "on"
	s.commitLog = o["commitlog_sync"]
	s.paxos = o["paxos_variant"]
	s.opTimeout = cfg.OpTimeout
	if s.opTimeout < minOpTimeout {
		return s, targets.Usagef("operation timeout %v: cassandra needs at least %v, because its coordinators must give up before the client does", s.opTimeout, minOpTimeout)
	}
	s.serverTimeout = serverTimeout(s.opTimeout)
	return s, nil
}

// minOpTimeout leaves room for a coordinator to give up, and to say so.
const minOpTimeout = 100 * time.Millisecond

// serverTimeout returns the bound of coordinators' waits: less than the client's, so that it is
// Cassandra that says what it knows of an operation, not a deadline that knows
// nothing.
func serverTimeout(op time.Duration) time.Duration {
	return (op - min(op/5, time.Second)).Round(time.Millisecond)
}

func (s *settings) resolveRF(text string) error {
	most := s.smallest()
	if text == "" {
		s.rf = min(defaultRF, most)
		return nil
	}
	rf, err := strconv.Atoi(text)
	switch {
	case err != nil || rf < 1:
		return targets.Usagef("--set rf=%s: want a number from 1 to %d", text, most)
	case rf > most && s.dcs > 1:
		return targets.Usagef("--set rf=%d: %d nodes in %d data centres leave %d in the smaller one, and each replica needs a node of its own; use rf=%d or at least %d nodes", rf, s.nodes, s.dcs, most, most, rf*s.dcs)
	case rf > most:
		return targets.Usagef("--set rf=%d: each replica needs a node of its own, and there are %d; use rf=%d or at least %d nodes", rf, s.nodes, s.nodes, rf)
	}
	s.rf = rf
	return nil
}

// String is for the progress line.
func (s *settings) String() string {
	return strings.Join([]string{
		"rf=" + strconv.Itoa(s.rf), "dcs=" + strconv.Itoa(s.dcs), "num_tokens=" + strconv.Itoa(s.vnodes),
		"write " + s.write.name, "read " + s.read.name,
	}, ", ")
}
