package externaltest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSentinel: a failover that a Sentinel decides is followed, and a Sentinel is not taken
// for a server with data.
func TestSentinel(t *testing.T) {
	t.Parallel()
	first := startRedis(t, "--repl-diskless-sync-delay", "0")
	second := startRedis(t, "--replicaof", first.host+" "+first.port)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	must(t, os.WriteFile(conf, []byte("sentinel monitor ours "+first.host+" "+first.port+" 1\nsentinel down-after-milliseconds ours 60000\n"), 0o600))
	sentinel := startSentinel(t, conf)
	both := first.addr() + "," + second.addr()
	lapse(t, nil, "doctor", "--target", "redis", "--at", both+","+sentinel.addr()).expect(t, 3, "is a Sentinel", "SENTINEL REPLICAS")

	log := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(binary, "run", "--target", "redis", "--at", both, "--progress", "plain", "--workload", "session", "--model", "read-your-writes",
		"--duration", "5m", "--rate", "200", "--out", filepath.Join(t.TempDir(), "runs"))
	cmd.Env = cleanEnvironment()
	p := start(t, log, cmd)
	await(t, "the load to begin", says(log, "a write and a read went through"))
	await(t, "the Sentinel to promote the replica", func(context.Context) error {
		if said := sentinel.cli(t, "SENTINEL", "FAILOVER", "ours"); said != "OK" {
			return errors.New(said) // it does not know the replica yet
		}
		return nil
	})
	await(t, "the new primary to be told", says(log, "n2 takes the writes now"))
	before := second.cli(t, "INFO", "commandstats")
	await(t, "the old primary to be a replica", func(context.Context) error {
		if !strings.Contains(first.cli(t, "INFO", "replication"), "master_link_status:up") {
			return errors.New("it is not")
		}
		return nil
	})
	await(t, "writes at the new primary", func(context.Context) error {
		if calls(second.cli(t, "INFO", "commandstats"), "set") == calls(before, "set") {
			return errors.New("there are none")
		}
		return nil
	})
	// The old primary is gone for good: what is left is removed all the same.
	first.cli(t, "SHUTDOWN", "NOSAVE")
	must(t, cmd.Process.Signal(os.Interrupt))
	<-p.done
	if n := second.cli(t, "DBSIZE"); n != "0" {
		t.Errorf("%s keys are left: %s", n, second.cli(t, "KEYS", "*"))
	}
}

// startSentinel starts one with this configuration, which it writes to.
func startSentinel(t *testing.T, conf string) redisServer {
	t.Helper()
	s := redisServer{host: "127.0.0.1", port: freePorts(t, 1)[0]}
	start(t, conf+".log", exec.Command("redis-server", conf, "--sentinel", "--port", s.port, "--bind", s.host))
	await(t, "the Sentinel to answer", func(context.Context) error {
		return exec.Command("redis-cli", "-p", s.port, "ping").Run()
	})
	return s
}

// says waits for a text in a file.
func says(file, text string) func(context.Context) error {
	return func(context.Context) error {
		said, err := os.ReadFile(file)
		if err == nil && !strings.Contains(string(said), text) {
			err = errors.New("it has not been said")
		}
		return err
	}
}

// calls is what INFO commandstats says of a command, "" if it was never called.
func calls(info, command string) string {
	_, rest, _ := strings.Cut(info, "cmdstat_"+command+":calls=")
	n, _, _ := strings.Cut(rest, ",")
	return n
}
