package postgres

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// ask is the first column of the last row of the answer, in text, with nothing prepared.
func ask(t *testing.T, d *deployment, c *conn, sql string) string {
	t.Helper()
	results, err := c.pg.PgConn().Exec(d.ctx, sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	last := results[len(results)-1]
	if len(last.Rows) == 0 {
		return ""
	}
	return string(last.Rows[0][0])
}

// A target with a pooler is there if the pooler is, so that a suite skips one that is optional; without a pooler nobody looks for it.
func TestThePoolerIsPresent(t *testing.T) {
	cache := os.Getenv(envCache)
	_, missing := pgbouncer.Find(t.Context(), cache)
	for mode, looks := range map[string]bool{poolerNone: false, poolerSession: true, poolerTransaction: true} {
		present, err := Target{}.Present(t.Context(), targets.Config{Nodes: 1, Cache: cache, Options: map[string]string{optPooler: mode}})
		if want := looks && missing != nil; (err != nil) != want || want && !strings.Contains(err.Error(), "pgbouncer") {
			t.Errorf("%s: %v, PgBouncer is missing: %v", mode, err, missing)
		}
		if err == nil && strings.Contains(present, "PgBouncer") != looks {
			t.Errorf("%s: %s", mode, present)
		}
	}
}

// TestPooler: in mode session a session keeps what it set, prepared, listens to and locked; in mode
// transaction it loses all of that to whoever is served by its connection next, and what lapse
// asks for is in place all the same.
func TestPooler(t *testing.T) {
	const mine = `SET statement_timeout TO '77s'; PREPARE q AS SELECT 1; LISTEN c; SELECT pg_advisory_lock(7)`
	kept := map[string][2]string{ // in mode session, in mode transaction
		`SHOW statement_timeout`: {"77s", "0"},
		`SELECT count(*) FROM pg_prepared_statements WHERE name = 'q'`:                         {"1", "0"},
		`SELECT count(*) FROM pg_listening_channels()`:                                         {"1", "0"},
		`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`: {"1", "0"},
	}
	for i, mode := range []string{poolerSession, poolerTransaction} {
		t.Run(mode, func(t *testing.T) {
			d := deploy(t, targets.Config{Nodes: 1, WriteLevel: writeLocal, Options: map[string]string{optPooler: mode}})
			open := func() *conn {
				c, err := d.connect(d.ctx, 0, d.clientLogin(0, d.set, 0))
				must(t, err)
				t.Cleanup(c.close)
				return c
			}
			a, b := open(), open()
			served := ask(t, d, a, `SELECT pg_backend_pid()`)
			ask(t, d, a, mine)
			// The other one holds its connection to the server.
			other := ask(t, d, b, `BEGIN; SELECT pg_backend_pid()`)
			if shared := other == served; shared != (mode == poolerTransaction) {
				t.Fatalf("process %s serves one session, and then %s another one", served, other)
			}
			for sql, want := range kept {
				if got := ask(t, d, a, sql); got != want[i] {
					t.Errorf("%s: %s, want %s", sql, got, want[i])
				}
			}
			if leaks := ask(t, d, b, `SHOW statement_timeout`) == "77s"; leaks != (mode == poolerTransaction) {
				t.Errorf("the other session has what this one set: %v", leaks)
			}
			ask(t, d, b, `ROLLBACK`)
			for name, want := range map[string]string{"synchronous_commit": "local", "search_path": d.schema, "default_transaction_isolation": "read committed"} {
				if got := ask(t, d, a, "SHOW "+name); got != want {
					t.Errorf("%s is %s, want %s", name, got, want)
				}
			}
			if !strings.Contains(d.Version(), "PgBouncer 1.") {
				t.Error(d.Version())
			}
			for key := range history.Key(3 * sharedConnections) { // more sessions than connections
				s := d.session(0)
				s.write(key, 11)
				if got := s.read(key); got != 11 {
					t.Errorf("session %d reads %v", key, got)
				}
			}
			poolerDies(t, d)
			must(t, d.Nodes[0].Kill(d.ctx))
			must(t, d.Restart(d.ctx, "n1"))
			must(t, cluster.Await(d.ctx, "n1 to serve again", func(ctx context.Context) error { return d.Ready(ctx, "n1") }))
			if got := d.session(0).read(1); got != 11 {
				t.Errorf("after a kill: %v", got)
			}
		})
	}
}

// poolerDies kills the pooler of n1 and starts it again: its server goes on meanwhile, and clients get through again.
func poolerDies(t *testing.T, d *deployment) {
	t.Helper()
	must(t, d.StartPooler(d.ctx, "n1")) // it runs
	must(t, d.PoolerServes(d.ctx, "n1"))
	server := d.Nodes[0].Pid()
	must(t, d.KillPooler(d.ctx, "n1"))
	if d.PoolerServes(d.ctx, "n1") == nil {
		t.Error("the pooler was killed, and clients get through")
	}
	must(t, d.ServerServes(d.ctx, "n1"))
	if err := d.KillPooler(d.ctx, "n1"); err == nil || !strings.Contains(err.Error(), "none runs") {
		t.Errorf("killed once more: %v", err)
	}
	must(t, d.StartPooler(d.ctx, "n1"))
	must(t, cluster.Await(d.ctx, "the pooler to let clients through", func(ctx context.Context) error { return d.PoolerServes(ctx, "n1") }))
	if now := d.Nodes[0].Pid(); now != server {
		t.Errorf("the server was process %d, and is %d", server, now)
	}
	if got := d.session(0).read(1); got != 11 {
		t.Errorf("after the pooler died: %v", got)
	}
}

// TestPoolerIsRefused where it would make something else of what was asked for.
func TestPoolerIsRefused(t *testing.T) {
	for name, cfg := range map[string]targets.Config{
		"failover=on":    {Options: map[string]string{optFailover: failoverOn}},
		"patroni":        {Options: map[string]string{optFailover: failoverPatroni}},
		"topology=multi": {Options: map[string]string{optTopology: topologyMultiLeader}},
		"serializable":   {Nodes: 2, Options: map[string]string{optIsolation: "SERIALIZABLE"}},
		"provider":       {Containers: true, Options: map[string]string{}},
	} {
		cfg.Options[optPooler] = poolerTransaction
		_, err := parse(cfg)
		var usage *targets.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), "pooler=transaction") || !strings.Contains(err.Error(), strings.TrimSuffix(name, "patroni")) {
			t.Errorf("%s: %v", name, err)
		}
		cfg.Options[optPooler] = poolerNone
		if _, err := parse(cfg); err != nil {
			t.Errorf("%s without a pooler: %v", name, err)
		}
	}
}

// TestPoolerTakesSerializable where no standby has to: in mode transaction on one node, in mode
// session everywhere.
func TestPoolerTakesSerializable(t *testing.T) {
	for mode, nodes := range map[string]int{poolerTransaction: 1, poolerSession: 3} {
		if _, err := parse(targets.Config{Nodes: nodes, Options: map[string]string{optPooler: mode, optIsolation: isolationSerializable}}); err != nil {
			t.Errorf("%s with %d nodes: %v", mode, nodes, err)
		}
	}
}

// TestPoolSizes: in mode session there is a connection for each client that is let in, and the
// server has more than that; in mode transaction clients share.
func TestPoolSizes(t *testing.T) {
	if servers, clients := poolSizes(poolerSession); servers != clients || clients < 300 || servers >= maxConnections-10 {
		t.Errorf("session: %d connections for %d clients of a server that takes %d", servers, clients, maxConnections)
	}
	if servers, clients := poolSizes(poolerTransaction); servers != sharedConnections || clients != maxConnections {
		t.Errorf("transaction: %d connections for %d clients", servers, clients)
	}
}

// TestRoleHasItsSettingsFromTheStart: who logs in through a pooler as soon as the role is there
// keeps a connection with what the role has then.
func TestRoleHasItsSettingsFromTheStart(t *testing.T) {
	for _, mode := range []string{poolerNone, poolerSession, poolerTransaction} {
		set, err := parse(targets.Config{Options: map[string]string{optPooler: mode}})
		must(t, err)
		s := &System{set: set, schema: "s"}
		before, after, ok := strings.Cut(s.schemaSQL(""), "COMMIT")
		_, within, begun := strings.Cut(before, "BEGIN")
		if n := strings.Count(within, "ALTER ROLE"); !ok || !begun || (n >= 3) != (mode == poolerTransaction) || strings.Contains(after, "ROLE") {
			t.Errorf("%s: %d settings before the commit, and after it %q", mode, n, after)
		}
	}
}
