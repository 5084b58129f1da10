package mysql

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
	"github.com/lapse-test/lapse/targets/targettest"
	"github.com/lapse-test/lapse/targets/wallclock"
)

func TestMain(m *testing.M) {
	os.Exit(sandboxtest.Main(m, func() error {
		ctx := context.Background()
		return errors.Join(sources[topologyGalera].Fetch(ctx, "", nil), wallclock.Software.Fetch(ctx, "", nil))
	}))
}

var must = targettest.Must

// deployment is a MariaDB on nodes of its own.
type deployment struct {
	*System
	t   testing.TB
	ctx context.Context

	mu   sync.Mutex
	told []string
}

const opTimeout = 5 * time.Second

func deploy(t testing.TB, cfg targets.Config) *deployment {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	if cfg.OpTimeout == 0 {
		cfg.OpTimeout = opTimeout
	}
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	_, sys, _ := targettest.Deploy(ctx, t, Target{}, sandbox.Provider{}, cfg, logName)
	d := &deployment{t: t, ctx: ctx}
	switch s := sys.(type) {
	case replicated:
		d.System = s.System
	case grouped:
		d.System = s.System
	}
	d.Observe(func(kind, text string) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.told = append(d.told, kind+": "+text)
	})
	return d
}

// session drives one client.
type session struct {
	d   *deployment
	c   *client
	txn history.Txn
}

// session opens one with a read level of its own, the run's if it is empty.
func (d *deployment) session(read string) *session {
	d.t.Helper()
	set, of := d.set, backend(d.System)
	if read != "" {
		set.read, of = read, leveled{d.System, read}
	}
	c := newClient(set, of, targets.Session{ID: 1})
	d.t.Cleanup(func() { must(d.t, c.Close()) })
	return &session{d: d, c: c}
}

// leveled has clients log in for another read level than that of the system, which is a setting of the server's sessions in a Galera cluster.
type leveled struct {
	*System
	read string
}

func (l leveled) login(session targets.Session, node int) (login, error) {
	in, err := l.System.login(session, node)
	set := l.set
	set.read = l.read
	in.settings = set.session()
	return in, err
}

func (s *session) at(node int, mops ...history.Mop) targets.Result {
	return s.within(s.d.set.timeout, node, mops...)
}

func (s *session) within(limit time.Duration, node int, mops ...history.Mop) targets.Result {
	return targettest.Do(s.d.ctx, limit, s.c, node, &s.txn, mops...)
}

func (s *session) ok(node int, mops ...history.Mop) []history.Mop {
	s.d.t.Helper()
	if res := s.at(node, mops...); res.Outcome != history.OK {
		s.d.t.Fatalf("%v: %v (%v)", mops, res.Outcome, res.Err)
	}
	return s.txn.Mops
}

var read, write, cas = targettest.Read, targettest.Write, targettest.CAS

func (d *deployment) await(what string, ok func() error) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, 90*time.Second)
	defer cancel()
	must(d.t, cluster.Await(ctx, what, func(context.Context) error { return ok() }))
}

func (d *deployment) allReady() {
	d.t.Helper()
	for _, n := range d.Nodes {
		d.await(n.Name()+" to be ready", func() error { return d.Ready(d.ctx, n.Name()) })
	}
}
