package dynamodb

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
	"github.com/lapse-test/lapse/targets/maven/maventest"
)

// software is the DynamoDB Local that the tests run.
var software = maventest.Cache{Env: "LAPSE_TEST_DYNAMODB_CACHE", Software: download}

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

// deployment is a DynamoDB Local on a node of its own.
type deployment struct {
	*System
	t       testing.TB
	ctx     context.Context
	cluster cluster.Cluster
	cfg     targets.Config
}

const opTimeout = 5 * time.Second

func deploy(t testing.TB, provider cluster.Provider, cfg targets.Config) *deployment {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cfg.Run, cfg.Cache, cfg.OpTimeout = "t1", software.Dir(), opTimeout
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg, err := Target{}.Resolve(cfg)
	must(t, err)
	spec := Target{}.Spec(cfg)
	spec.LogDir = t.TempDir()
	c, err := provider.Open(ctx, spec)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close(context.WithoutCancel(ctx))) })
	sys, err := Target{}.Start(ctx, c, cfg)
	if err != nil {
		text, _ := os.ReadFile(filepath.Join(c.Nodes()[0].LogDir(), logName))
		t.Fatalf("%v\n%s", err, text)
	}
	t.Cleanup(func() { must(t, sys.Stop(context.WithoutCancel(ctx))) })
	return &deployment{System: sys.(*System), t: t, ctx: ctx, cluster: c, cfg: cfg}
}

func inSandbox(t testing.TB, options ...string) *deployment {
	t.Helper()
	cfg := targets.Config{Options: map[string]string{}}
	for i := 0; i < len(options); i += 2 {
		cfg.Options[options[i]] = options[i+1]
	}
	return deploy(t, sandbox.Provider{}, cfg)
}

// session drives one client.
type session struct {
	d   *deployment
	c   *client
	txn history.Txn
}

func (d *deployment) session(t testing.TB) *session {
	t.Helper()
	c, err := d.Open(d.ctx, targets.Session{ID: 1, Text: func(string) history.Value { return history.TextValue(0) }})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return &session{d: d, c: c.(*client)}
}

func (s *session) do(mops ...history.Mop) targets.Result {
	return s.within(opTimeout, mops...)
}

func (s *session) within(timeout time.Duration, mops ...history.Mop) targets.Result {
	ctx, cancel := context.WithTimeout(s.d.ctx, timeout)
	defer cancel()
	s.txn.Reset()
	s.txn.Mops = append(s.txn.Mops, mops...)
	return s.c.Do(ctx, 0, &s.txn)
}

func (s *session) ok(t testing.TB, mops ...history.Mop) []history.Mop {
	t.Helper()
	if res := s.do(mops...); res.Outcome != history.OK {
		t.Fatalf("%v: %v (%v)", mops, res.Outcome, res.Err)
	}
	return s.txn.Mops
}

func (s *session) read(t testing.TB, k history.Key) history.Value {
	t.Helper()
	return s.ok(t, read(k))[0].Ret
}

func read(k history.Key) history.Mop { return history.Mop{Func: history.Read, Key: k} }

func write(k history.Key, v history.Value) history.Mop {
	return history.Mop{Func: history.Write, Key: k, Arg: v}
}

func cas(k history.Key, expect, v history.Value) history.Mop {
	return history.Mop{Func: history.CAS, Key: k, Expect: expect, Arg: v}
}
