package externaltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/targets/cassandra"
	"github.com/lapse-test/lapse/targets/maven"
)

// cqlPassword is the password of the role tester, which may make keyspaces; that of
// guest, which may not, is the same.
const cqlPassword = "tr0ub4dor-and-three"

// node is one Cassandra that asks for passwords, which the test runs.
type node struct {
	addr    string
	session *gocql.Session
}

func startCassandra(t *testing.T) *node {
	t.Helper()
	if out, err := exec.Command(binary, "fetch", "cassandra", "--progress", "none").CombinedOutput(); err != nil {
		t.Fatalf("fetching Cassandra: %v\n%s", err, out)
	}
	cache, err := os.UserCacheDir()
	must(t, err)
	jars, err := filepath.Glob(filepath.Join(cache, "lapse", "cassandra", "jars-*"))
	if err != nil || len(jars) == 0 {
		t.Fatalf("there is no Cassandra in %s: %v", cache, err)
	}
	dir, ports := t.TempDir(), freePorts(t, 2)
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(in("cassandra.yaml"), []byte(fmt.Sprintf(`cluster_name: theirs
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
data_file_directories: [%s]
commitlog_directory: %s
hints_directory: %s
saved_caches_directory: %s
commitlog_sync: periodic
commitlog_sync_period: 10000ms
seed_provider: [{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: [{seeds: "127.0.0.1:%s"}]}]
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: %s
native_transport_port: %s
endpoint_snitch: SimpleSnitch
authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
auto_snapshot: false
`, in("data"), in("commitlog"), in("hints"), in("caches"), ports[0], ports[0], ports[1])), 0o644))
	must(t, os.WriteFile(in("logback.xml"), []byte(`<configuration><appender name="O" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%-5level %date{ISO8601} %F:%L - %msg%n</pattern></encoder></appender><root level="WARN"><appender-ref ref="O"/></root></configuration>`), 0o644))
	args := []string{
		"-Xms384m", "-Xmx384m", "-Xss256k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-javaagent:" + filepath.Join(jars[len(jars)-1], "jamm-0.4.0.jar"), "-Djdk.attach.allowAttachSelf=true",
		"-Djava.io.tmpdir=" + dir, "-Djna.tmpdir=" + dir, "-Dio.netty.tryReflectionSetAccessible=true",
		"-Dcassandra.config=file://" + in("cassandra.yaml"), "-Dlogback.configurationFile=file://" + in("logback.xml"),
		"-Dcassandra.storagedir=" + dir, "-Dcassandra-foreground=yes", "-Dcassandra.ring_delay_ms=100",
		"-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.superuser_setup_delay_ms=0",
	}
	for _, p := range []string{"java.base/jdk.internal.misc", "java.management.rmi/com.sun.jmx.remote.internal.rmi", "java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server", "java.sql/java.sql", "java.base/java.lang.ref", "jdk.unsupported/sun.misc"} {
		args = append(args, "--add-exports", p+"=ALL-UNNAMED")
	}
	for _, p := range []string{
		"java.base/java.lang.module", "java.base/jdk.internal.loader", "java.base/jdk.internal.ref", "java.base/jdk.internal.reflect",
		"java.base/jdk.internal.math", "java.base/jdk.internal.module", "java.base/jdk.internal.util.jar", "jdk.management/com.sun.management.internal",
		"java.base/sun.nio.ch", "java.base/java.io", "java.base/java.lang.reflect", "java.base/java.lang", "java.base/java.util",
	} {
		args = append(args, "--add-opens", p+"=ALL-UNNAMED")
	}
	args = append(args, "-cp", filepath.Join(jars[len(jars)-1], "*"), "org.apache.cassandra.service.CassandraDaemon")
	java, err := maven.Java{For: "Cassandra", Min: 17, Max: 17, Install: "a Java 17 runtime (Debian: apt-get install openjdk-17-jre-headless)"}.Find(t.Context())
	must(t, err)
	p := start(t, in("log"), exec.Command(java.Path, args...))

	n := &node{addr: "127.0.0.1:" + ports[1]}
	await(t, "Cassandra to let its administrator in", func(context.Context) error {
		select {
		case <-p.done:
			t.Fatal("Cassandra has ended")
		default:
		}
		cfg := gocql.NewCluster(n.addr)
		cfg.ProtoVersion, cfg.Timeout, cfg.ConnectTimeout = 4, 10*time.Second, 5*time.Second
		cfg.Authenticator = gocql.PasswordAuthenticator{Username: "cassandra", Password: "cassandra"}
		cfg.Consistency = gocql.One
		cfg.DisableInitialHostLookup = true
		cfg.Logger = silent{}
		s, err := cfg.CreateSession()
		if err == nil {
			n.session = s
		}
		return err
	})
	t.Cleanup(n.session.Close)
	for _, role := range []string{"tester WITH SUPERUSER = true AND", "guest WITH"} {
		await(t, "the role "+role, func(context.Context) error {
			return n.session.Query("CREATE ROLE IF NOT EXISTS " + role + " LOGIN = true AND PASSWORD = '" + cqlPassword + "'").Exec()
		})
	}
	return n
}

// silent is a gocql.Logger that says nothing.
type silent struct{}

func (silent) Print(...any)          {}
func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// keyspaces counts what runs have left.
func (n *node) keyspaces(t *testing.T) int {
	t.Helper()
	var name string
	count := 0
	all := n.session.Query("SELECT keyspace_name FROM system_schema.keyspaces").Iter()
	for all.Scan(&name) {
		if strings.HasPrefix(name, "lapse") {
			count++
		}
	}
	must(t, all.Close())
	return count
}

// TestCassandra: the same workloads on a Cassandra that the test runs.
func TestCassandra(t *testing.T) {
	n := startCassandra(t)
	ca := newAuthority(t, t.TempDir())
	cert := ca.server(t)
	encrypted := strings.Replace(forward(t, n.addr, &cert, always), "127.0.0.1", "localhost", 1)
	as := func(user, password string) []string {
		return []string{"LAPSE_CASSANDRA_USER=" + user, "LAPSE_CASSANDRA_PASSWORD=" + password}
	}
	common := []string{"run", "--target", "cassandra", "--progress", "plain", "--duration", "5s", "--rate", "100", "--concurrency", "4"}
	t.Run("serial", func(t *testing.T) {
		r := decided(t, 0, as("tester", cqlPassword), append(common, "--at", n.addr, "--write-level", "SERIAL", "--read-level", "SERIAL", "--model", "linearizable",
			// Paxos on a busy machine does 20 operations a second, and a verdict wants a hundred.
			"--duration", "15s")...)
		r.expect(t, 0, "held", "CQL, release 5.").keeps(t, cqlPassword)
	})
	t.Run("over TLS, with a password from a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "password")
		must(t, os.WriteFile(file, []byte(cqlPassword+"\n"), 0o600))
		env := []string{"LAPSE_CASSANDRA_USER=tester", "LAPSE_CASSANDRA_PASSWORD_FILE=" + file}
		r := decided(t, 0, env, append(common, "--at", encrypted, "--set", "tls_ca="+ca.file("ca.pem"), "--set", "read_repair=NONE", "--workload", "session", "--model", "read-your-writes")...)
		r.expect(t, 0, "held").keeps(t, cqlPassword)
	})
	if k := n.keyspaces(t); k > 0 {
		t.Errorf("%d keyspaces were left", k)
	}
	for name, c := range map[string]struct {
		env  []string
		args []string
		code int
		says []string
	}{
		"no credentials": {nil, []string{"--at", n.addr}, 3, []string{"LAPSE_CASSANDRA_USER"}},
		"wrong password": {as("tester", "not-the-secret"), []string{"--at", n.addr}, 3, []string{"LAPSE_CASSANDRA_PASSWORD"}},
		"half of them":   {[]string{"LAPSE_CASSANDRA_USER=tester"}, []string{"--at", n.addr}, 64, []string{"LAPSE_CASSANDRA_PASSWORD_FILE"}},
		"no right":       {as("guest", cqlPassword), []string{"--at", n.addr}, 3, []string{"GRANT CREATE ON ALL KEYSPACES"}},
		"in the address": {nil, []string{"--at", "tester:" + cqlPassword + "@" + n.addr}, 64, []string{"credentials come from the environment"}},
		"unknown CA":     {as("tester", cqlPassword), []string{"--at", encrypted, "--set", "tls=on"}, 3, []string{"tls_ca"}},
		"not encrypted":  {as("tester", cqlPassword), []string{"--at", n.addr, "--set", "tls=on"}, 3, []string{"tls=off"}},
		"unknown level":  {as("tester", cqlPassword), []string{"--at", n.addr, "--write-level", "MOST"}, 64, []string{"MOST", "QUORUM"}},
		"unserved level": {as("tester", cqlPassword), []string{"--at", n.addr, "--write-level", "TWO"}, 64, []string{"needs 2 replicas"}},
		"too many":       {as("tester", cqlPassword), []string{"--at", n.addr, "--set", "rf=3"}, 3, []string{"rf=1"}},
		"option of ours": {as("tester", cqlPassword), []string{"--at", n.addr, "--set", "heap=512"}, 64, []string{"no such option"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := lapse(t, c.env, append(common, c.args...)...).expect(t, c.code, c.says...)
			r.keeps(t, cqlPassword)
			r.keeps(t, "not-the-secret")
			if r.took > 30*time.Second {
				t.Errorf("said after %v", r.took)
			}
		})
	}
	if k := n.keyspaces(t); k > 0 {
		t.Errorf("%d keyspaces were left", k)
	}
	t.Run("a keyspace of that name", func(t *testing.T) {
		t.Setenv("LAPSE_CASSANDRA_USER", "tester")
		t.Setenv("LAPSE_CASSANDRA_PASSWORD", cqlPassword)
		must(t, n.session.Query("CREATE KEYSPACE lapse_mine WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}").Exec())
		target, err := cassandra.Target{}.External([]string{n.addr})
		must(t, err)
		refusesToTouch(t, target, "mine")
		if k := n.keyspaces(t); k != 1 {
			t.Error(errors.New("the keyspace that was there is gone"))
		}
	})
}
