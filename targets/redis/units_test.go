package redis

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	driver "github.com/redis/go-redis/v9"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/outcome/outcometest"
)

// reply is an error reply as the driver returns it.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

var _ driver.Error = reply("")

// TestClassify has a case for each code that Redis answers with, and for what WAIT
// says.
func TestClassify(t *testing.T) {
	c := outcometest.New(t, errorTable)
	c.Is("never sent", errSlots, history.Fail, outcometest.Kept, errSlots.Error())
	c.Is("a primary that is none any more", fmt.Errorf("connecting: %w", errNotPrimary), history.Fail, outcometest.Broken, errNotPrimary.Error())
	c.Is("another wrote while it was watched", errTouched, history.Fail, outcometest.Kept, errTouched.Error())
	c.Is("too few replicas", &unreplicatedError{}, history.Info, outcometest.Kept, "WAIT: too few replicas have it")
	c.Is("the replica was made a primary in the wait", &unreplicatedError{reply("UNBLOCKED force unblock from blocking operation")}, history.Info, outcometest.Kept, "")
	for _, text := range []string{
		"MOVED 866 192.0.2.1:6379", "ASK 866 192.0.2.1:6379", "CLUSTERDOWN The cluster is down", "CROSSSLOT Keys in request don't hash to the same slot",
		"TRYAGAIN Multiple keys request during rehashing of slot", "READONLY You can't write against a read only replica.",
		"LOADING Redis is loading the dataset in memory", "MASTERDOWN Link with MASTER is down", "NOREPLICAS Not enough good replicas to write.",
		"OOM command not allowed when used memory > 'maxmemory'.", "MISCONF Redis is configured to save RDB snapshots", "BUSY Redis is busy running a script.",
		"EXECABORT Transaction discarded because of previous errors.", "WRONGTYPE Operation against a key holding the wrong kind of value",
		"NOAUTH Authentication required.", "WRONGPASS invalid username-password pair", "NOPERM this user has no permissions", "NOSCRIPT No matching script.",
		"ERR unknown command",
	} {
		word, _, _ := strings.Cut(text, " ")
		c.Is(text, reply(text), history.Fail, outcometest.Kept, word)
	}
	c.Is("a code that is not listed", reply("NEWCODE something"), history.Info, outcometest.Kept, "NEWCODE")
}

// TestSlots has values that CLUSTER KEYSLOT answers on a real server.
func TestSlots(t *testing.T) {
	for key, want := range map[string]int{"": 0, "123456789": 12739, "foo": 12182, "{foo}bar": 12182, "a{foo}b{x}": 12182, "{}foo": slotOf("{}foo"), "value{k7}": slotOf("k7")} {
		if got := slotOf(key); got != want {
			t.Errorf("%q is in slot %d, want %d", key, got, want)
		}
	}
	if slotOf("{}foo") == slotOf("foo") {
		t.Error("an empty tag is no tag")
	}
	m := mapOf([]driver.ClusterSlot{
		{Start: 0, End: 8191, Nodes: []driver.ClusterNode{{Addr: "a"}, {Addr: "c"}}},
		{Start: 8192, End: 16383, Nodes: []driver.ClusterNode{{Addr: "elsewhere"}, {Addr: "b"}}},
	}, func(n driver.ClusterNode) int { return strings.Index("abc", n.Addr) })
	if got := m.owners(8191); len(got) != 2 || got[0] != 0 || got[1] != 2 {
		t.Errorf("slot 8191 is on %v", got)
	}
	if got := m.owners(8192); len(got) != 1 || got[0] != 1 {
		t.Errorf("slot 8192 is on %v", got)
	}
	if got := (slotMap{}).owners(1); got != nil {
		t.Errorf("nobody's slot is on %v", got)
	}
}

// TestResolve has what is refused beside what is not, one setting apart.
func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name    string
		cfg     targets.Config
		refused string
	}{
		{"defaults", targets.Config{Nodes: 3}, ""},
		{"all replicas", targets.Config{Nodes: 3, WriteLevel: "wait:2"}, ""},
		{"more than there are", targets.Config{Nodes: 3, WriteLevel: "wait:3"}, "--write-level wait:3: a primary has 2 replicas here"},
		{"no level", targets.Config{Nodes: 3, WriteLevel: "QUORUM"}, "--write-level QUORUM"},
		{"zero", targets.Config{Nodes: 3, WriteLevel: "wait:0"}, "--write-level wait:0"},
		{"a replica", targets.Config{Nodes: 2, ReadLevel: "replica"}, ""},
		{"no replica", targets.Config{Nodes: 1, ReadLevel: "replica"}, "--read-level replica"},
		{"no read level", targets.Config{Nodes: 3, ReadLevel: "secondary"}, "--read-level secondary"},
		{"a cluster", targets.Config{Nodes: 6, Options: map[string]string{optTopology: topologyCluster}}, ""},
		{"too small a cluster", targets.Config{Nodes: 4, Options: map[string]string{optTopology: topologyCluster}}, "--nodes 4"},
		{"an odd one", targets.Config{Nodes: 7, Options: map[string]string{optTopology: topologyCluster}}, "--nodes 7"},
		{"a cluster's replicas", targets.Config{Nodes: 6, WriteLevel: "wait:2", Options: map[string]string{optTopology: topologyCluster}}, "a primary has 1 replicas here"},
		{"enough replicas", targets.Config{Nodes: 3, Options: map[string]string{optMinReplicas: "2"}}, ""},
		{"too many", targets.Config{Nodes: 3, Options: map[string]string{optMinReplicas: "3"}}, "--set min_replicas_to_write=3"},
		{"no duration", targets.Config{Nodes: 3, Options: map[string]string{optNodeTimeout: "2"}}, "--set cluster_node_timeout=2"},
		{"Valkey", targets.Config{Nodes: 3, Options: map[string]string{optSoftware: softwareValkey}}, ""},
		{"a name", targets.Config{Nodes: 3, Options: map[string]string{optSoftware: "valkey-server"}}, "--set software=valkey-server: want redis, valkey, or"},
	} {
		_, err := Target{}.Resolve(c.cfg)
		var usage *targets.UsageError
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.refused != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: %v, want %q", c.name, err, c.refused)
		}
	}
}

// TestPage keeps docs/targets/redis.md true: it names every option.
func TestPage(t *testing.T) {
	b, err := os.ReadFile("../../docs/targets/redis.md")
	must(t, err)
	for _, o := range (Target{}).Info().Options {
		if !strings.Contains(string(b), "| `"+o.Name+"` |") {
			t.Errorf("the option %s is not there", o.Name)
		}
	}
}

// TestPromises: one setting apart, a promise more or less.
func TestPromises(t *testing.T) {
	for _, c := range []struct {
		name  string
		cfg   targets.Config
		model string
		want  bool
	}{
		{"synced, at the primary", targets.Config{Nodes: 3, Options: map[string]string{optAppendfsync: appendfsyncAlways}}, "linearizable", true},
		{"synced, without power", targets.Config{Nodes: 3, PowerFailures: true, Options: map[string]string{optAppendfsync: appendfsyncAlways}}, "no-lost-writes", true},
		{"synced every second, without power", targets.Config{Nodes: 3, PowerFailures: true}, "no-lost-writes", false},
		{"not synced", targets.Config{Nodes: 3}, "linearizable", false},
		{"at a replica", targets.Config{Nodes: 3, ReadLevel: readReplica, Options: map[string]string{optAppendfsync: appendfsyncAlways}}, "linearizable", false},
		{"at a replica, nothing is lost", targets.Config{Nodes: 3, ReadLevel: readReplica, Options: map[string]string{optAppendfsync: appendfsyncAlways}}, "no-lost-writes", true},
		{"at a replica, a list", targets.Config{Nodes: 3, ReadLevel: readReplica, Options: map[string]string{optAppendfsync: appendfsyncAlways}}, "list", false},
		{"at a replica and then another", targets.Config{Nodes: 3, ReadLevel: readReplica, Options: map[string]string{optAppendfsync: appendfsyncAlways}}, "writes-follow-reads", false},
		{"alone, whatever is asked", targets.Config{Nodes: 1, Options: map[string]string{optAppendfsync: appendfsyncAlways}}, "linearizable", true},
		{"not synced, a set", targets.Config{Nodes: 3}, "set", false},
		{"a cluster, a queue", targets.Config{Nodes: 6, Options: map[string]string{optTopology: topologyCluster}}, "queue", false},
		{"a cluster", targets.Config{Nodes: 6, Options: map[string]string{optTopology: topologyCluster, optAppendfsync: appendfsyncAlways}}, "no-lost-writes", false},
		{"a cluster with WAIT", targets.Config{Nodes: 6, WriteLevel: "wait:1", Options: map[string]string{optTopology: topologyCluster, optAppendfsync: appendfsyncAlways}}, "no-lost-writes", false},
	} {
		cfg, err := Target{}.Resolve(c.cfg)
		must(t, err)
		got, said := Target{}.Promises(cfg, nil)[c.model]
		if !said || got != c.want {
			t.Errorf("%s: %s is promised: %v (said: %v), want %v", c.name, c.model, got, said, c.want)
		}
	}
}

// TestTalks: a cut that carries nothing takes no effect, and is not to be drawn.
func TestTalks(t *testing.T) {
	for _, c := range []struct {
		topology, read, from, to string
		want                     bool
	}{
		{topologyReplication, readPrimary, "n1", "n2", true},
		{topologyReplication, readPrimary, "n2", "n3", false},
		{topologyReplication, readPrimary, cluster.Clients, "n1", true},
		{topologyReplication, readPrimary, cluster.Clients, "n2", false},
		{topologyReplication, readPrimary, "n3", cluster.Clients, false},
		{topologyReplication, readReplica, cluster.Clients, "n2", true},
		{topologyReplication, readAny, "n2", cluster.Clients, true},
		{topologyCluster, readPrimary, "n2", "n3", true},
		{topologyCluster, readPrimary, cluster.Clients, "n2", true},
	} {
		cfg := targets.Config{ReadLevel: c.read, Options: map[string]string{optTopology: c.topology}}
		if got := (Target{}).Talks(cfg, "n1", c.from, c.to); got != c.want {
			t.Errorf("%s, read %s, %s to %s: %v", c.topology, c.read, c.from, c.to, got)
		}
	}
}
