package cassandra

import (
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/external"
)

var _ targets.Externalizer = Target{}

// maxExternal bounds the nodes of --at.
const maxExternal = 32

// External implements targets.Externalizer: Cassandra, or anything that speaks CQL.
// Addresses are host:port; sessions talk to these nodes and to no others.
func (Target) External(at []string) (targets.Target, error) {
	return external.At(at, external.Kind{
		Info: external.Info(Target{}.Info(), "Cassandra, or what speaks CQL, on an external cluster", externalOptions...),
		Port: nativePort, Login: &login, Alive: alive.Alive, Visit: newVisit, Examples: examples,
		Namespace: external.Namespace{What: "the keyspace %s", Remove: "DROP KEYSPACE %s", Most: 48},
		Settings: func(cfg targets.Config) (targets.Config, error) {
			if cfg.Options["rf"] == "" {
				cfg.Options["rf"] = strconv.Itoa(min(defaultRF, cfg.Nodes))
			}
			_, err := externalSettings(cfg)
			return cfg, err
		},
		// How many data centres there are is seen only when the cluster is asked.
		Abilities: []ability.Ability{ability.Centres},
	})
}

var externalOptions = []targets.Option{
	{Name: "rf", Help: "replication factor of the run's keyspace in each data centre (default: 3, or as many as --at names nodes)"},
	{Name: "replication", Help: "replication of the run's keyspace as CQL has it, instead of the one that rf and the cluster's data centres give"},
	{Name: "timestamps", Default: "client", Values: []string{"client", "coordinator"}, Help: "whose clock stamps a write: the harness's one, as drivers do it by default, or that of the node that coordinates it"},
	{Name: "read_repair", Values: []string{"", "BLOCKING", "NONE"}, Help: "read_repair of the table (default: as the cluster has it)"},
	{Name: "speculative_retry", Help: "speculative_retry of the table (default: as the cluster has it)"},
}

// alive is the liveness probe: it asks what the node supports, which it tells before it
// knows who asks.
var alive = external.Probe{
	Ask: []byte{protocolVersion, 0, 0, 0, optionsCode, 0, 0, 0, 0}, Answer: 9, Protocol: "CQL's", Encrypts: true,
	Is: func(header []byte) bool {
		return header[0]&0x80 != 0 && (header[4] == supportedCode || header[4] == errorCode)
	},
}

// The codes of CQL's frames that a probe needs.
const (
	errorCode     = 0
	optionsCode   = 5
	supportedCode = 6
)

// externalSettings are those of a resolved cfg. What is not known of the cluster is
// taken to be the simplest: one data centre.
func externalSettings(cfg targets.Config) (settings, error) {
	s := settings{
		topology:   topology{nodes: cfg.Nodes, dcs: 1, vnodes: 1},
		clientTime: cfg.Options["timestamps"] == "client",
		readRepair: cfg.Options["read_repair"], speculative: cfg.Options["speculative_retry"],
		opTimeout: cfg.OpTimeout,
	}
	if cfg.Nodes > maxExternal {
		return s, targets.Usagef("--at: %d addresses; at most %d are of use", cfg.Nodes, maxExternal)
	}
	var err error
	if s.rf, err = strconv.Atoi(cfg.Options["rf"]); err != nil || s.rf < 1 || s.rf > maxExternal {
		return s, targets.Usagef("--set rf=%s: want a number from 1 to %d", cfg.Options["rf"], maxExternal)
	}
	if s.speculative != "" && !speculativeRetry.MatchString(s.speculative) {
		return s, targets.Usagef("--set speculative_retry=%s: want NEVER, ALWAYS, a percentile such as 99p, or a time such as 50ms", s.speculative)
	}
	if r := cfg.Options["replication"]; r != "" && (!strings.HasPrefix(r, "{") || !strings.HasSuffix(r, "}") || strings.ContainsAny(r, ";")) {
		return s, targets.Usagef("--set replication=%s: want a map of CQL such as {'class': 'NetworkTopologyStrategy', 'dc1': 3}", r)
	}
	if s.read, err = parseLevel(cfg.ReadLevel, true, s.topology); err != nil {
		return s, err
	}
	s.write, err = parseLevel(cfg.WriteLevel, false, s.topology)
	return s, err
}

// login names the variables with the credentials.
var login = external.LoginOf(Name)
