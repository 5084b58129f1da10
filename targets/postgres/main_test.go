package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
	"github.com/lapse-test/lapse/targets/targettest"
)

// envCache names the cache that the tests use: a copy of the user's that an
// ordinary user can read.
const envCache = "LAPSE_TEST_POSTGRES_CACHE"

func TestMain(m *testing.M) {
	code := sandboxtest.Main(m, fetchForTests)
	if !sandbox.Inside() && os.Getenv(envCacheOwner) == strconv.Itoa(os.Getpid()) {
		os.RemoveAll(os.Getenv(envCache))
	}
	os.Exit(code)
}

// envCacheOwner is the process that made the copy and removes it.
const envCacheOwner = "LAPSE_TEST_POSTGRES_CACHE_OWNER"

// fetchForTests has PostgreSQL in the user's cache, fetching it the first time,
// and makes the copy.
func fetchForTests() error {
	if os.Getenv(envCache) != "" {
		return nil // an ordinary user started by root's tests
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	user = filepath.Join(user, "lapse")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	err = Target{}.Fetch(ctx, targets.Config{Clocks: true, Cache: user, Progress: func(line string) { fmt.Fprintln(os.Stderr, line) }})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lapse-cache-")
	if err != nil {
		return err
	}
	from, to := newStore(user, nil), newStore(dir, nil)
	return errors.Join(
		os.Setenv(envCache, dir),
		os.Setenv(envCacheOwner, strconv.Itoa(os.Getpid())),
		os.Chmod(dir, 0o755),
		os.MkdirAll(to.dir, 0o755),
		copyTree(from.tree(), to.tree(), nil),
		copyFile(from.manifest(), to.manifest(), 0o644),
	)
}

// envBindir has the tests use another PostgreSQL than the fetched one, such as
// /usr/lib/postgresql/15/bin.
const envBindir = "LAPSE_TEST_POSTGRES_BINDIR"

// deployment is a database on nodes of its own.
type deployment struct {
	*System
	t       *testing.T
	ctx     context.Context
	cluster cluster.Cluster
}

// opTimeout is the deadline of a test's operations: generous, for most of them
// are to succeed on a busy machine.
const opTimeout = 10 * time.Second

// deploy starts the database in the sandbox; everything ends with the test.
func deploy(t *testing.T, cfg targets.Config) *deployment {
	t.Helper()
	return deployOn(t, sandbox.Provider{}, cfg)
}

func deployOn(t *testing.T, p cluster.Provider, cfg targets.Config) *deployment {
	t.Helper()
	// A machine that is busy takes a minute for the start of a managed cluster alone.
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Minute)
	t.Cleanup(cancel)
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	began := time.Now()
	c, sys := start(t, ctx, p, cfg)
	t.Logf("%d nodes were ready after %v", len(c.Nodes()), time.Since(began).Round(time.Millisecond))
	return &deployment{System: sys, t: t, ctx: ctx, cluster: c}
}

// start opens a cluster and starts the database on it; both end with the test, if
// not before.
func start(t testing.TB, ctx context.Context, p cluster.Provider, cfg targets.Config) (cluster.Cluster, *System) {
	t.Helper()
	cfg.Cache = os.Getenv(envCache)
	cfg.Options = maps.Clone(cfg.Options)
	if dir := os.Getenv(envBindir); dir != "" && cfg.Options["software"] == "" {
		if cfg.Options == nil {
			cfg.Options = map[string]string{}
		}
		cfg.Options["bindir"] = dir
	}
	c, sys, _ := targettest.Deploy(ctx, t, Target{}, p, cfg, logName)
	return c, sys.(*System)
}

// session opens a session whose home is the node with this index.
func (d *deployment) session(home int) *session {
	d.t.Helper()
	return d.sessionAt(home, d.set.read, d.set.write)
}

// sessionAt opens a session with levels of its own.
func (d *deployment) sessionAt(home int, read, write string) *session {
	d.t.Helper()
	opened, err := d.Open(d.ctx, targets.Session{ID: 1, Home: home})
	must(d.t, err)
	c := opened.(*client)
	c.set.read, c.set.write = read, write
	d.t.Cleanup(func() { must(d.t, c.Close()) })
	return &session{d: d, c: c, home: home}
}

// session drives one client.
type session struct {
	d    *deployment
	c    *client
	home int
	txn  history.Txn
}

// do carries out one transaction with a deadline of its own.
func (s *session) do(timeout time.Duration, mops ...history.Mop) targets.Result {
	ctx, cancel := context.WithTimeout(s.d.ctx, timeout)
	defer cancel()
	s.txn.Reset()
	s.txn.Mops = append(s.txn.Mops, mops...)
	return s.c.Do(ctx, s.home, &s.txn)
}

// ok carries out a transaction that must succeed.
func (s *session) ok(mops ...history.Mop) *history.Txn {
	s.d.t.Helper()
	if res := s.do(opTimeout, mops...); res.Outcome != history.OK {
		s.d.t.Fatalf("%v: %v (%v) by node %d, want ok", mops, res.Outcome, res.Err, res.Node)
	}
	return &s.txn
}

// connected has the session connect to where it reads, so that the time for that
// is not part of a short deadline.
func (s *session) connected() *session {
	s.d.t.Helper()
	s.read(0)
	return s
}

// read reads a register, which must succeed.
func (s *session) read(key history.Key) history.Value {
	s.d.t.Helper()
	return s.ok(history.Mop{Func: history.Read, Key: key}).Mops[0].Ret
}

func (s *session) write(key history.Key, v history.Value) {
	s.d.t.Helper()
	s.ok(write(key, v))
}

func write(key history.Key, v history.Value) history.Mop {
	return history.Mop{Func: history.Write, Key: key, Arg: v}
}

func read(key history.Key) history.Mop { return history.Mop{Func: history.Read, Key: key} }

func cas(key history.Key, expect, v history.Value) history.Mop {
	return history.Mop{Func: history.CAS, Key: key, Expect: expect, Arg: v}
}

// await polls for a condition.
func (d *deployment) await(what string, ok func(context.Context) error) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, 40*time.Second)
	defer cancel()
	if err := cluster.Await(ctx, what, ok); err != nil {
		d.t.Fatal(err)
	}
}
