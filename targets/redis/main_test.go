package redis

import (
	"context"
	"errors"
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
	"github.com/lapse-test/lapse/targets/targettest"
)

func TestMain(m *testing.M) {
	os.Exit(sandboxtest.Main(m, func() error {
		return errors.Join(debian.Fetch(context.Background(), "", nil), valkey.Fetch(context.Background(), cacheDir(), nil))
	}))
}

// cacheDir is the user's own, so that Valkey is fetched once.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "lapse")
}

var must = targettest.Must

// deployment is a Redis on nodes of its own.
type deployment struct {
	*System
	ctx context.Context
}

const opTimeout = 2 * time.Second

func deploy(t testing.TB, cfg targets.Config) *deployment {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cfg.OpTimeout, cfg.Cache = opTimeout, cacheDir()
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	_, sys, _ := targettest.Deploy(ctx, t, Target{}, sandbox.Provider{}, cfg, logName)
	return &deployment{sys.(*System), ctx}
}

func (d *deployment) node(i int) cluster.Node { return d.Nodes[i] }

// session drives one client.
type session struct {
	d   *deployment
	c   targets.Client
	txn history.Txn
}

func (d *deployment) session(t testing.TB) *session {
	t.Helper()
	c, err := d.Open(d.ctx, targets.Session{ID: 1, Text: func(string) history.Value { return history.TextValue(0) }})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return &session{d: d, c: c}
}

func (s *session) at(node int, mops ...history.Mop) targets.Result {
	return targettest.Do(s.d.ctx, opTimeout, s.c, node, &s.txn, mops...)
}

func (s *session) ok(t testing.TB, mops ...history.Mop) []history.Mop {
	t.Helper()
	if res := s.at(0, mops...); res.Outcome != history.OK {
		t.Fatalf("%v: %v (%v)", mops, res.Outcome, res.Err)
	}
	return s.txn.Mops
}

var read, write, cas = targettest.Read, targettest.Write, targettest.CAS

func awaitFor(d *deployment, ok func() error) error {
	return cluster.Await(d.ctx, "the cluster", func(context.Context) error { return ok() })
}
