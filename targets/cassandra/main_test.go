package cassandra

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
	"github.com/lapse-test/lapse/targets/maven/maventest"
)

// software is the Cassandra that the tests run.
var software = maventest.Cache{Env: "LAPSE_TEST_CASSANDRA_CACHE", Software: download}

func TestMain(m *testing.M) {
	code := sandboxtest.Main(m, software.Prepare)
	software.Remove()
	os.Exit(code)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// deployment is a Cassandra on nodes of its own.
type deployment struct {
	*System
	t       testing.TB
	ctx     context.Context
	cluster cluster.Cluster
	cfg     targets.Config
}

// opTimeout is the deadline of a test's operations.
const opTimeout = 5 * time.Second

// deploy starts Cassandra in the sandbox; everything ends with the test.
func deploy(t testing.TB, cfg targets.Config) *deployment {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	cfg.Run = "t1"
	cfg.Cache = software.Dir()
	cfg.OpTimeout = opTimeout
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.Progress = func(line string) { t.Log(line) }
	// Tests wait for nodes to be seen down: 14 s instead of 18 s.
	cfg.Options = maps.Clone(cfg.Options)
	if cfg.Options == nil {
		cfg.Options = map[string]string{}
	}
	cfg.Options["phi_convict_threshold"] = "6"
	cfg, err := Target{}.Resolve(cfg)
	must(t, err)
	spec := Target{}.Spec(cfg)
	spec.LogDir = t.TempDir()
	c, err := sandbox.Provider{}.Open(ctx, spec)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close(context.WithoutCancel(ctx))) })
	sys, err := Target{}.Start(ctx, c, cfg)
	if err != nil {
		t.Fatalf("%v\n%s", err, logs(c))
	}
	d := &deployment{System: sys.(*System), t: t, ctx: ctx, cluster: c, cfg: cfg}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(logs(c))
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		must(t, sys.Stop(ctx))
	})
	return d
}

// logs is the end of every node's log.
func logs(c cluster.Cluster) string {
	all := ""
	for _, n := range c.Nodes() {
		text, _ := os.ReadFile(filepath.Join(n.LogDir(), logName))
		all += fmt.Sprintf("--- %s\n%s\n%s", n.Name(), gossip(text), text[max(0, len(text)-3000):])
	}
	return all
}

// gossip is what a node's log says of the others.
func gossip(log []byte) string {
	var out strings.Builder
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, " is now ") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// session drives one client.
type session struct {
	d   *deployment
	c   *client
	txn history.Txn
}

// at opens a session with levels of its own at the node with this index.
func (d *deployment) at(t testing.TB, home int, write, read string) *session {
	t.Helper()
	c := d.open(t, targets.Session{ID: 1, Home: home}, write, read)
	return &session{d: d, c: c}
}

func (d *deployment) open(t testing.TB, s targets.Session, write, read string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, opTimeout)
	defer cancel()
	opened, err := d.Open(ctx, s)
	must(t, err)
	c := opened.(*client)
	c.write, err = parseLevel(write, false, d.set.topology)
	must(t, err)
	c.read, err = parseLevel(read, true, d.set.topology)
	must(t, err)
	c.statements = newStatements(d.keyspace, c.write)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

// do carries out one operation.
func (s *session) do(m history.Mop) targets.Result {
	return s.doAt(s.c.session.Home, opTimeout, m)
}

func (s *session) doAt(node int, timeout time.Duration, m history.Mop) targets.Result {
	ctx, cancel := context.WithTimeout(s.d.ctx, timeout)
	defer cancel()
	s.txn.Reset()
	s.txn.Mops = append(s.txn.Mops, m)
	return s.c.Do(ctx, node, &s.txn)
}

// ok carries out an operation that must succeed, and returns what it saw.
func (s *session) ok(t testing.TB, m history.Mop) history.Mop {
	t.Helper()
	if res := s.do(m); res.Outcome != history.OK {
		t.Fatalf("%v of %v at W=%s R=%s: %v (%v) by node %d, want ok", m.Func, m.Key, s.c.write.name, s.c.read.name, res.Outcome, res.Err, res.Node)
	}
	return s.txn.Mops[0]
}

// reads a register, which must succeed.
func (s *session) read(t testing.TB, key history.Key) history.Value {
	t.Helper()
	return s.ok(t, history.Mop{Func: history.Read, Key: key}).Ret
}

func (s *session) write(t testing.TB, key history.Key, v history.Value) {
	t.Helper()
	s.ok(t, write(key, v))
}

func write(key history.Key, v history.Value) history.Mop {
	return history.Mop{Func: history.Write, Key: key, Arg: v}
}

func cas(key history.Key, expect, v history.Value) history.Mop {
	return history.Mop{Func: history.CAS, Key: key, Expect: expect, Arg: v}
}

// await polls for a condition.
func (d *deployment) await(t testing.TB, what string, ok func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, 90*time.Second)
	defer cancel()
	must(t, cluster.Await(ctx, what, ok))
}
