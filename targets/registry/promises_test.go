package registry_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	checkers "github.com/lapse-test/lapse/checkers/registry"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/registry"
)

// promising are the options on which promises rest, one map a combination; the empty map is what is usual.
var promising = map[string][]map[string]string{
	"postgres": {
		{}, {"nodes": "1"}, {"isolation": "serializable"}, {"failover": "on"}, {"failover": "on", "sync": "any:1"}, {"sync": "any:2"}, {"sync": "any:1"},
		{"failover": "patroni"}, {"failover": "patroni", "synchronous_mode": "on"}, {"topology": "multi-leader"}, {"fsync": "off"},
	},
	"mysql": {
		{}, {"nodes": "1"}, {"isolation": "SERIALIZABLE"}, {"failover": "on"}, {"topology": "galera"}, {"topology": "galera", "writers": "one"},
		{"topology": "galera", "restart": "plain"}, {"innodb_flush_log_at_trx_commit": "0"}, {"sync_binlog": "0"},
	},
	"redis":     {{}, {"appendfsync": "always"}, {"appendfsync": "always", "nodes": "1"}, {"nodes": "6", "topology": "cluster"}},
	"dynamodb":  {{}, {"storage": "memory"}},
	"etcd":      {{}, {"unsafe_no_fsync": "true"}, {"sets": "lock"}},
	"nats":      {{}, {"sync_interval": "always"}, {"version": "2.10.22"}},
	"cassandra": {{}, {"commitlog_sync": "periodic"}, {"read_repair": "NONE"}, {"timestamps": "coordinator"}},
	"quorumkv": {
		{}, {"read_repair": "blocking", "write_timestamps": "quorum"}, {"write_timestamps": "quorum"}, {"fsync": "false"},
		{"mode": "single-leader"}, {"mode": "single-leader", "failover": "off"}, {"mode": "single-leader", "fencing": "off"}, {"mode": "single-leader", "fsync": "false"},
		{"mode": "raft"}, {"mode": "raft", "fsync": "false"},
		{"mode": "multi-leader"}, {"mode": "multi-leader", "conflicts": "crdt"}, {"mode": "multi-leader", "conflicts": "siblings"}, {"mode": "multi-leader", "fsync": "false"},
		{"mode": "sharded"}, {"mode": "sharded", "transactions": "best-effort"}, {"mode": "sharded", "fsync": "false"},
	},
}

// hows are the sessions and faults on which promises rest, as the page names them.
var hows = []struct {
	name                   string
	roams, restarts, power bool
}{
	{name: "stay"},
	{name: "stay, kills", restarts: true},
	{name: "roam", roams: true},
	{name: "roam, kills", roams: true, restarts: true},
	{name: "roam, power failures", roams: true, restarts: true, power: true},
}

// promise is what is said in one configuration.
type promise struct {
	target, text string
	// settings are the options that are not as usual, as the page has them.
	settings string
	// how is the name of one of hows.
	how  string
	cfg  targets.Config
	says *verdict.Promises
}

// loses tells whether acknowledged writes are known to get lost.
func (p promise) loses() bool {
	kept, known := p.says.Of(models.NoLostWrites)
	return known && !kept
}

// promises are those of each target at each pair of levels with each of the options above, to sessions that stay or roam, with
// without and with kills, and with power failures.
func promises(t *testing.T) []promise {
	t.Helper()
	var out []promise
	tried := map[string]bool{}
	for _, kind := range registry.All() {
		for _, options := range promising[kind.Info().Name] {
			target := kind
			if d, ok := kind.(targets.Describer); ok {
				var err error
				if target, err = d.Describe(t.Context(), targets.Config{Options: options}); err != nil {
					t.Fatal(err)
				}
			}
			info := target.Info()
			for _, write := range append([]string{""}, info.WriteLevels...) {
				for _, read := range append([]string{""}, info.ReadLevels...) {
					for _, how := range hows {
						set := maps.Clone(options)
						nodes := info.DefaultNodes
						if _, err := fmt.Sscan(set["nodes"], &nodes); err == nil {
							delete(set, "nodes")
						}
						cfg, err := target.Resolve(targets.Config{
							Nodes: nodes, WriteLevel: write, ReadLevel: read, Options: set,
							Roams: how.roams, Restarts: how.restarts, PowerFailures: how.power,
						})
						if err != nil {
							continue // no pair of this topology
						}
						tried[info.Name+fmt.Sprint(options)] = true
						funcs := []history.Func{history.Read, history.Write}
						out = append(out, promise{
							info.Name, fmt.Sprintf("%s, %d nodes, write %s, read %s, %v, %+v", info.Name, nodes, write, read, options, how),
							settingsText(options), how.name, cfg, &verdict.Promises{Models: target.(targets.Promiser).Promises(cfg, funcs)},
						})
					}
				}
			}
		}
	}
	for name, all := range promising {
		for _, options := range all {
			if !tried[name+fmt.Sprint(options)] {
				t.Errorf("%s, %v: no levels were tried", name, options)
			}
		}
	}
	return out
}

// settingsText is options as the page has them.
func settingsText(options map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(options)) {
		out = append(out, "`"+name+"="+options[name]+"`")
	}
	return strings.Join(out, ", ")
}

// TestPromisesAgree: who promises a model promises what it implies, and says nothing else of that. Of sets under a
// lock etcd denies what it promises of its own transactions.
func TestPromisesAgree(t *testing.T) {
	for _, p := range promises(t) {
		for strong, promised := range p.says.Models {
			for weak, kept := range p.says.Models {
				if lock := p.cfg.Options["sets"] == "lock" && strings.HasPrefix(weak, "set"); promised && !kept && !lock && checkers.Lattice().Implies(strong, weak) {
					t.Errorf("%s: %s is promised and %s is not, which it implies", p.text, strong, weak)
				}
			}
		}
	}
}

// TestOldReadsAreSaidOfSessions: levels whose reads may be old say of a session that roams whether it goes back in time, and whether
// it sees its own writes. A violation of what nothing is said of looks like a defect of the database.
func TestOldReadsAreSaidOfSessions(t *testing.T) {
	quiet := 0
	for _, p := range promises(t) {
		if regular, known := p.says.Of(models.Regular); !p.cfg.Roams || !known || regular {
			continue
		}
		for _, m := range []string{models.MonotonicReads, models.WritesFollowReads, models.Safe, models.Causal, models.Sequential} {
			oneWriter := p.cfg.Options["writers"] == "one"
			if _, known := p.says.Of(m); !known && !oneWriter && !byClocks(p) {
				t.Errorf("%s: nothing is said of %s", p.text, m)
			}
		}
		if _, known := p.says.Of(models.ReadYourWrites); !known {
			quiet++
			// As long as the replicas lag less than its window, and as long as the failover loses nothing.
			waits := strings.HasPrefix(p.cfg.ReadLevel, "wait-for-")
			if sticky := p.cfg.ReadLevel == "sticky"; !sticky && !(waits && p.cfg.Options["failover"] == "on") {
				t.Errorf("%s: nothing is said of %s", p.text, models.ReadYourWrites)
			}
		}
	}
	if quiet == 0 {
		t.Error("no sticky read was tried")
	}
}

// byClocks tells of quorums that meet where clocks decide: what they do by themselves nobody knows.
func byClocks(p promise) bool {
	return p.target == "quorumkv" && p.cfg.Options["mode"] == "leaderless" && p.cfg.Options["write_timestamps"] == "coordinator"
}

// TestLosersPromiseNothing: whoever may lose a write promises no data of any type.
func TestLosersPromiseNothing(t *testing.T) {
	tried := map[string]bool{}
	for _, p := range promises(t) {
		if !p.loses() {
			continue
		}
		tried[p.target] = true
		switch {
		case p.target == "cassandra": // of other data than registers it says nothing
			continue
		case p.target == "quorumkv" && p.cfg.Options["mode"] == "multi-leader": // nor has it transactions, and its copies are merged
			continue
		}
		lost := targets.Promised{}
		lost.LoseWrites()
		for _, m := range slices.Sorted(maps.Keys(lost)) {
			if promised, known := p.says.Of(m); promised || !known {
				t.Errorf("%s: %s is promised: %v (said: %v)", p.text, m, promised, known)
			}
		}
	}
	for _, name := range []string{"postgres", "mysql", "redis", "dynamodb", "nats", "cassandra", "quorumkv"} {
		if !tried[name] {
			t.Errorf("%s never loses a write", name)
		}
	}
}
