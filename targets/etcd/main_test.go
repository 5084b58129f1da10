package etcd

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
	"github.com/lapse-test/lapse/targets/targettest"
)

// prepare makes the servers be there, outside of the sandbox; tidy is called at the
// end.
var (
	prepare = []func() error{func() error { return debian.Fetch(context.Background(), "", nil) }}
	tidy    = func() {}
)

func TestMain(m *testing.M) {
	code := sandboxtest.Main(m, func() error {
		for _, p := range prepare {
			if err := p(); err != nil {
				return err
			}
		}
		return nil
	})
	tidy()
	os.Exit(code)
}

var must = targettest.Must

// deployment is an etcd on nodes of its own.
type deployment struct {
	*System
	ctx context.Context
}

const opTimeout = 5 * time.Second

func deploy(t testing.TB, cfg targets.Config) *deployment {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	cfg.OpTimeout = opTimeout
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	_, sys, _ := targettest.Deploy(ctx, t, Target{}, sandbox.Provider{}, cfg, logName)
	return &deployment{sys.(*System), ctx}
}

func (d *deployment) node(i int) cluster.Node { return d.Nodes[i] }

// session drives one client.
type session struct {
	ctx context.Context
	c   targets.Client
	txn history.Txn
}

// session is one that was opened by any of its Systems, with the home of that number.
func open(t testing.TB, ctx context.Context, sys targets.System, id int32) *session {
	t.Helper()
	c, err := sys.Open(ctx, targets.Session{ID: id, Text: func(string) history.Value { return history.TextValue(0) }})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return &session{ctx: ctx, c: c}
}

func (d *deployment) session(t testing.TB) *session { return open(t, d.ctx, d, 1) }

func (s *session) at(node int, mops ...history.Mop) targets.Result {
	return targettest.Do(s.ctx, opTimeout, s.c, node, &s.txn, mops...)
}

func (s *session) ok(t testing.TB, mops ...history.Mop) []history.Mop {
	t.Helper()
	if res := s.at(0, mops...); res.Outcome != history.OK {
		t.Fatalf("%v: %v (%v)", mops, res.Outcome, res.Err)
	}
	return s.txn.Mops
}

func mop(f history.Func, k history.Key, arg history.Value) history.Mop {
	return history.Mop{Func: f, Key: k, Arg: arg}
}

var read, write, cas = targettest.Read, targettest.Write, targettest.CAS
