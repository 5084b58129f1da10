package externaltest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/redis"
)

// redisPassword is that of everybody: the user default, who may do everything, and
// guest, who may not write.
const redisPassword = "tr0ub4dor-and-four"

// redisServer is a Redis that the test runs.
type redisServer struct{ host, port, password string }

func (s redisServer) addr() string { return s.host + ":" + s.port }

func startRedis(t *testing.T, args ...string) redisServer {
	t.Helper()
	dir, s := t.TempDir(), redisServer{host: "127.0.0.1", port: freePorts(t, 1)[0]}
	args = append([]string{"--port", s.port, "--bind", s.host, "--dir", dir, "--save", "", "--appendonly", "no"}, args...)
	start(t, filepath.Join(dir, "log"), exec.Command("redis-server", args...))
	await(t, "Redis to answer", func(context.Context) error {
		out, err := exec.Command("redis-cli", "-p", s.port, "ping").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	return s
}

// cli has the server carry out a command.
func (s redisServer) cli(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("redis-cli", append([]string{"-p", s.port}, args...)...)
	if s.password != "" {
		cmd.Env = append(os.Environ(), "REDISCLI_AUTH="+s.password)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestRedis: the same workloads on servers that the test runs.
func TestRedis(t *testing.T) {
	ca := newAuthority(t, t.TempDir())
	ca.server(t)
	encrypted := freePorts(t, 1)[0]
	primary := startRedis(t, "--requirepass", redisPassword, "--repl-diskless-sync-delay", "0",
		"--tls-port", encrypted, "--tls-cert-file", ca.file("server.pem"), "--tls-key-file", ca.file("server.key"), "--tls-ca-cert-file", ca.file("ca.pem"), "--tls-auth-clients", "no")
	replica := startRedis(t, "--requirepass", redisPassword, "--masterauth", redisPassword, "--replicaof", primary.host+" "+primary.port)
	replica.password, primary.password = redisPassword, redisPassword
	primary.cli(t, "ACL", "SETUSER", "guest", "on", ">"+redisPassword, "~*", "+@read", "+info", "+ping")
	primary.cli(t, "SET", "precious", "theirs")
	both := primary.addr() + "," + replica.addr()
	as := func(user, password string) []string {
		return []string{"LAPSE_REDIS_USER=" + user, "LAPSE_REDIS_PASSWORD=" + password}
	}
	// A default user needs no name.
	secret := []string{"LAPSE_REDIS_PASSWORD=" + redisPassword}
	common := []string{"run", "--target", "redis", "--progress", "plain", "--duration", "4s", "--rate", "200", "--concurrency", "4"}
	clean := func(t *testing.T) {
		t.Helper()
		if n := primary.cli(t, "DBSIZE"); n != "1" {
			t.Errorf("%s keys are there: %s", n, primary.cli(t, "KEYS", "*"))
		}
	}
	t.Run("a primary with a replica", func(t *testing.T) {
		r := decided(t, 0, secret, append(common, "--at", both, "--workload", "session", "--rate", "1000", "--write-level", "wait:1", "--read-level", "any", "--model", "no-lost-writes")...)
		r.expect(t, 0, "held", "Redis 7.", "an external primary with replicas").keeps(t, redisPassword)
		clean(t)
	})
	t.Run("clients that die", func(t *testing.T) {
		r := decided(t, 0, secret, append(common, "--at", both, "--model", "linearizable", "--faults", "client-death", "--duration", "6s")...)
		r.expect(t, 0, "held").tookEffect(t, 2)
		clean(t)
	})
	t.Run("over TLS, with a password from a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "password")
		must(t, os.WriteFile(file, []byte(redisPassword+"\n"), 0o600))
		env := []string{"LAPSE_REDIS_USER=default", "LAPSE_REDIS_PASSWORD_FILE=" + file}
		r := decided(t, 0, env, append(common, "--at", "localhost:"+encrypted, "--set", "tls_ca="+ca.file("ca.pem"), "--set", "compare_and_set=watch", "--model", "linearizable")...)
		r.expect(t, 0, "held").keeps(t, redisPassword)
		clean(t)
	})
	t.Run("a first suite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "own.yaml")
		lapse(t, nil, "init", file, "--target", "redis", "--at", both).expect(t, 0, "lapse doctor --target redis --at "+both)
		text, err := os.ReadFile(file)
		must(t, err)
		must(t, os.WriteFile(file, []byte(strings.Replace(string(text), "duration: 10s", "duration: 6s", 1)), 0o600))
		lapse(t, secret, "run", file, "--progress", "plain").expect(t, 0, "3 passed", "expected report").keeps(t, redisPassword)
		clean(t)
	})
	cluster, nodes := startRedisCluster(t)
	t.Run("a cluster", func(t *testing.T) {
		r := decided(t, 0, nil, append(common, "--at", cluster, "--model", "linearizable")...)
		r.expect(t, 0, "held", "an external cluster")
		for _, n := range nodes {
			if size := n.cli(t, "DBSIZE"); size != "0" {
				t.Errorf("%s keys are at %s", size, n.addr())
			}
		}
	})
	t.Run("killed", func(t *testing.T) {
		cmd := exec.Command(binary, append(common, "--at", both, "--duration", "60s", "--out", filepath.Join(t.TempDir(), "runs"))...)
		cmd.Env = append(cleanEnvironment(), secret...)
		p := start(t, filepath.Join(t.TempDir(), "log"), cmd)
		await(t, "the run to begin", func(context.Context) error {
			if primary.cli(t, "DBSIZE") < "3" {
				return fmt.Errorf("it has not")
			}
			return nil
		})
		must(t, p.cmd.Process.Signal(syscall.SIGKILL))
		<-p.done
		lapse(t, secret, "doctor", "--target", "redis", "--at", both).expect(t, 0, "is left alone", "redis-cli --scan --pattern 'lapse_", "replica of")
		for _, key := range strings.Fields(primary.cli(t, "KEYS", "lapse*")) {
			primary.cli(t, "DEL", key)
		}
		clean(t)
	})
	for name, c := range map[string]struct {
		env  []string
		args []string
		code int
		says []string
	}{
		"no password":    {nil, []string{"--at", both}, 3, []string{"LAPSE_REDIS_PASSWORD"}},
		"wrong password": {as("default", "not-the-secret"), []string{"--at", both}, 3, []string{"the password or the user is wrong"}},
		"half of them":   {[]string{"LAPSE_REDIS_USER=default"}, []string{"--at", both}, 64, []string{"LAPSE_REDIS_PASSWORD_FILE"}},
		"no right":       {as("guest", redisPassword), []string{"--at", primary.addr()}, 3, []string{"ACL SETUSER"}},
		"in the address": {nil, []string{"--at", "default:" + redisPassword + "@" + primary.addr()}, 64, []string{"credentials come from the environment"}},
		"unknown CA":     {secret, []string{"--at", "localhost:" + encrypted, "--set", "tls=on"}, 3, []string{"tls_ca"}},
		"not encrypted":  {secret, []string{"--at", primary.addr(), "--set", "tls=on"}, 3, []string{"tls=off"}},
		"nobody there":   {secret, []string{"--at", "127.0.0.1:" + freePorts(t, 1)[0]}, 3, []string{"refuses connections"}},
		"replicas only":  {secret, []string{"--at", replica.addr()}, 3, []string{"none of the nodes is a primary"}},
		"one twice":      {secret, []string{"--at", primary.addr() + ",localhost:" + strings.TrimPrefix(primary.addr(), "127.0.0.1:")}, 3, []string{"are one server"}},
		"half a cluster": {nil, []string{"--at", nodes[0].addr()}, 3, []string{"is none of those named"}},
		"unknown level":  {secret, []string{"--at", both, "--write-level", "MOST"}, 64, []string{"MOST", "wait:1"}},
		"no such WAIT":   {secret, []string{"--at", both, "--write-level", "wait:2"}, 64, []string{"1 replicas"}},
		"no WAIT there":  {nil, []string{"--at", cluster, "--write-level", "wait:1"}, 3, []string{"with 0 replicas"}},
		"option of ours": {secret, []string{"--at", both, "--set", "appendfsync=always"}, 64, []string{"no such option"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := lapse(t, c.env, append(common, c.args...)...).expect(t, c.code, c.says...)
			r.keeps(t, redisPassword)
			r.keeps(t, "not-the-secret")
			if r.took > 20*time.Second {
				t.Errorf("said after %v", r.took)
			}
		})
	}
	clean(t)
	t.Run("keys of that name", func(t *testing.T) {
		t.Setenv("LAPSE_REDIS_PASSWORD", redisPassword)
		primary.cli(t, "HSET", "lapse-runs", "lapse_mine:", "made by somebody")
		target, err := redis.Target{}.External([]string{both})
		must(t, err)
		refusesToTouch(t, target, "mine")
		if got := primary.cli(t, "HGET", "lapse-runs", "lapse_mine:"); got != "made by somebody" {
			t.Errorf("it is %q now", got)
		}
	})
}

// startRedisCluster is one of three primaries without replicas or passwords.
func startRedisCluster(t *testing.T) (at string, nodes []redisServer) {
	t.Helper()
	var addrs []string
	for range 3 {
		bus := freePorts(t, 1)[0]
		nodes = append(nodes, startRedis(t, "--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-config-file", "nodes.conf"))
		addrs = append(addrs, nodes[len(nodes)-1].addr())
	}
	nodes[0].cli(t, append(append([]string{"--cluster", "create"}, addrs...), "--cluster-yes")...)
	for _, n := range nodes {
		await(t, "the cluster to be formed", func(context.Context) error {
			if info := n.cli(t, "CLUSTER", "INFO"); !strings.Contains(info, "cluster_state:ok") {
				return fmt.Errorf("%s", info)
			}
			return nil
		})
	}
	return strings.Join(addrs, ","), nodes
}
