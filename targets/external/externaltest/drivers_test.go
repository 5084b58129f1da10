package externaltest

import (
	"bufio"
	"context"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/lapse-test/lapse/drivers"
)

// driven is a run with drivers.
type driven struct {
	t    testing.TB
	env  []string
	run  *exec.Cmd
	addr string
	text strings.Builder
	rest chan struct{}
}

// beginDriven begins a run with so many drivers, and waits until it waits for them.
func beginDriven(t testing.TB, env []string, args ...string) *driven {
	t.Helper()
	d := &driven{t: t, env: append(append(cleanEnvironment(), env...), drivers.TokenVariable+"=0123456789abcdef"), rest: make(chan struct{})}
	d.run = exec.CommandContext(t.Context(), binary, append(args, "--driver-listen", "127.0.0.1:0", "--progress", "plain", "--out", filepath.Join(t.TempDir(), "runs"))...)
	d.run.Env = d.env
	out, err := d.run.StdoutPipe()
	must(t, err)
	d.run.Stderr = d.run.Stdout
	must(t, d.run.Start())
	lines := bufio.NewScanner(out)
	waiting := regexp.MustCompile(`lapse drive (\S+)`)
	for d.addr == "" && lines.Scan() {
		d.text.WriteString(lines.Text() + "\n")
		if m := waiting.FindStringSubmatch(lines.Text()); m != nil {
			d.addr = m[1]
		}
	}
	go func() {
		defer close(d.rest)
		for lines.Scan() {
			d.text.WriteString(lines.Text() + "\n")
		}
	}()
	if d.addr == "" {
		<-d.rest
		t.Fatal(d.text.String())
	}
	return d
}

// drive is a driver of this name, begun; what it prints is in the buffer when it has ended.
func (d *driven) drive(name string) (*exec.Cmd, *strings.Builder) {
	d.t.Helper()
	var out strings.Builder
	c := exec.CommandContext(d.t.Context(), binary, "drive", d.addr, "--name", name)
	c.Env, c.Stdout, c.Stderr = d.env, &out, &out
	must(d.t, c.Start())
	return c, &out
}

// end waits for the run and returns what it has printed.
func (d *driven) end() string {
	<-d.rest
	_ = d.run.Wait() // the exit code is asked for
	return d.text.String()
}

// TestDrivers: two drivers, processes of their own, carry out what the clients of a run do on databases that are there
// already.
func TestDrivers(t *testing.T) {
	t.Parallel()
	members := startEtcd(t, 3, "http")
	primary := startRedis(t, "--repl-diskless-sync-delay", "0")
	replica := startRedis(t, "--replicaof", primary.host+" "+primary.port)
	shards, _ := startRedisCluster(t)
	for name, args := range map[string][]string{
		"etcd":          {"--target", "etcd", "--at", members[0].addr() + "," + members[1].addr() + "," + members[2].addr(), "--workload", "register", "--model", "linearizable", "--session", "travel"},
		"redis":         {"--target", "redis", "--at", primary.addr() + "," + replica.addr(), "--workload", "session", "--model", "read-your-writes"},
		"redis cluster": {"--target", "redis", "--at", shards, "--workload", "session", "--model", "read-your-writes"},
	} {
		t.Run(name, func(t *testing.T) {
			d := beginDriven(t, nil, append([]string{"run", "--drivers", "2", "--duration", "8s", "--rate", "300"}, args...)...)
			eu, said := d.drive("eu-1")
			us, told := d.drive("us-1")
			for _, c := range []*exec.Cmd{eu, us} {
				if err := c.Wait(); err != nil {
					t.Errorf("%v: %s%s", err, said, told)
				}
			}
			text := d.end()
			if code := d.run.ProcessState.ExitCode(); code != 0 || !strings.Contains(text, "driver eu-1 joined") || !strings.Contains(text, "held") {
				t.Errorf("exit %d: %s", code, text)
			}
		})
	}
	if keys := members[0].must(t, "", "get", "--prefix", "", "--keys-only"); keys != "" {
		t.Errorf("these keys are left: %s", keys)
	}
	if n := primary.cli(t, "DBSIZE"); n != "0" {
		t.Errorf("%s keys are left", n)
	}
}

// TestDriverElsewhere: at the driver the address of the run's database is that of another one. The driver is not admitted and
// nothing of it is in the other database.
func TestDriverElsewhere(t *testing.T) {
	t.Parallel()
	members, others := startEtcd(t, 1, "http"), startEtcd(t, 1, "http")
	own, other := startRedis(t), startRedis(t)
	for name, c := range map[string]struct {
		target, own, other string
		left               func() string
	}{
		"etcd":  {"etcd", members[0].addr(), others[0].addr(), func() string { return others[0].must(t, "", "get", "--prefix", "", "--keys-only") }},
		"redis": {"redis", own.addr(), other.addr(), func() string { return other.cli(t, "KEYS", "*") }},
	} {
		t.Run(name, func(t *testing.T) {
			var elsewhere atomic.Bool
			at := either(t, func() string {
				if elsewhere.Load() {
					return c.other
				}
				return c.own
			})
			d := beginDriven(t, nil, "run", "--target", c.target, "--at", at, "--drivers", "1", "--duration", "1s")
			elsewhere.Store(true)
			us, said := d.drive("us-1")
			if err := us.Wait(); err == nil || !strings.Contains(said.String(), "it is a node of another database") || !strings.Contains(said.String(), at) {
				t.Errorf("%v: %s", err, said)
			}
			elsewhere.Store(false)
			_ = d.run.Process.Signal(syscall.SIGINT) // it would wait for another driver
			if text := d.end(); !strings.Contains(text, "driver us-1 is lost: it gave up") {
				t.Error(text)
			}
			if left := c.left(); left != "" {
				t.Errorf("the other database has %s", left)
			}
		})
	}
}

// either passes connections on to where to says when they come, and returns its address.
func either(t testing.TB, to func() string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go join(c, to())
		}
	}()
	return l.Addr().String()
}

// join passes on what comes both ways until one side ends.
func join(c net.Conn, addr string) {
	defer c.Close()
	s, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		return
	}
	defer s.Close()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{c, s}, {s, c}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1]) // the other side may have ended
			done <- struct{}{}
		}()
	}
	<-done
}
