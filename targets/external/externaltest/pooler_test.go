package externaltest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// pooler runs pgbouncer in front of a server and returns the port where it listens.
// Debian puts it where an ordinary user has no PATH to.
func (s *servers) pooler(t *testing.T, server, mode, more string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	if err != nil {
		t.Fatalf("this needs pgbouncer (Debian's package of that name): %v", err)
	}
	dir := filepath.Join(s.dir, mode+"-"+server)
	if more != "" {
		dir += "-more"
	}
	must(t, os.MkdirAll(dir, 0o755))
	port := freePorts(t, 1)[0]
	users := filepath.Join(dir, "users")
	must(t, os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", "app", pgPassword), 0o644))
	conf := filepath.Join(dir, "pgbouncer.ini")
	must(t, os.WriteFile(conf, fmt.Appendf(nil, `[databases]
* = host=127.0.0.1 port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = %s
%s
`, server, port, users, mode, more), 0o644))
	cmd := exec.Command(program, conf)
	cmd.Dir = dir
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	start(t, filepath.Join(dir, "log"), cmd)
	await(t, "pgbouncer to answer at "+port, func(ctx context.Context) error { return pooled(ctx, port, nil) })
	return port
}

// pooled is for what asks through a pooler.
func pooled(ctx context.Context, port string, f func(*pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, "postgres://app:"+pgPassword+"@127.0.0.1:"+port+"/postgres?sslmode=disable")
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	if f == nil {
		return nil
	}
	return f(c)
}

// TestPooler: a pooler that gives each session a connection of its own serves a run, and
// one that does not is refused with the reason, before anything of ours is left with the
// connections that others use. The pooler is pgbouncer, which the test runs in front of
// the servers.
func TestPooler(t *testing.T) {
	s := startServers(t)
	secret := []string{"PGPASSWORD=" + pgPassword}
	at := func(port, more string) []string {
		return []string{"--target", "postgres", "--at", "postgres://app@127.0.0.1:" + port + "/postgres" + more}
	}
	run := func(t *testing.T, port string, code int, words ...string) {
		t.Helper()
		r := decided(t, code, secret, append(at(port, ""), "run", "--progress", "plain", "--duration", "4s", "--model", "read-your-writes",
			"--workload", "session", "--rate", "150", "--write-level", "local", "--set", "isolation=repeatable read")...).expect(t, code, words...)
		r.keeps(t, pgPassword)
		if n := s.schemas(); n > 0 {
			t.Errorf("%d schemas were left", n)
		}
	}
	const ignores = "ignore_startup_parameters = search_path, synchronous_commit, default_transaction_isolation, options"
	t.Run("session", func(t *testing.T) {
		port := s.pooler(t, s.primary, "session", "")
		run(t, port, 0, "held")
		lapse(t, secret, append(at(port, ""), "doctor")...).expect(t, 0, "takes writes")
		lapse(t, secret, append(at(port, "?options=-c%20statement_timeout%3D5s"), "doctor")...).expect(t, 3, "unsupported startup parameter: options", "leave it out of the address")
	})
	t.Run("session, and settings are ignored", func(t *testing.T) {
		run(t, s.pooler(t, s.primary, "session", ignores), 0, "held")
	})
	for _, mode := range []string{"transaction", "statement"} {
		for name, more := range map[string]string{"": "", ", and settings are ignored": ignores, ", least lately used": "server_round_robin = 1\nmin_pool_size = 3"} {
			t.Run(mode+name, func(t *testing.T) {
				port := s.pooler(t, s.primary, mode, more)
				for range 2 { // the second time with the connections of the first
					run(t, port, 3, "sessions that were open at once", "pool_mode=session", "name the servers themselves")
				}
				lapse(t, secret, append(at(port, ""), "doctor")...).expect(t, 3, "pool_mode=session")
				lapse(t, secret, append(at(port, "?default_query_exec_mode=simple_protocol"), "doctor")...).expect(t, 64, "default_query_exec_mode", "pool_mode=session")
				must(t, pooled(t.Context(), port, func(c *pgx.Conn) error {
					results, err := c.PgConn().Exec(t.Context(), `SELECT count(*), current_setting('search_path') FROM pg_prepared_statements`).ReadAll()
					if err != nil {
						return err
					}
					if row := results[0].Rows[0]; string(row[0]) != "0" || string(row[1]) != `"$user", public` {
						t.Errorf("a connection that others use was left with %s prepared statements and the search_path %s", row[0], row[1])
					}
					return nil
				}))
			})
		}
	}
	// A pooler tells new sessions what the server said when it was first asked.
	t.Run("promoted behind it", func(t *testing.T) {
		port := s.pooler(t, s.standby, "session", "")
		lapse(t, secret, append(at(port, ""), "doctor")...).expect(t, 3, "name the primary")
		promoted := false
		must(t, s.query(t.Context(), s.standby, `SELECT pg_promote()`, &promoted))
		must(t, pooled(t.Context(), port, func(c *pgx.Conn) error {
			t.Logf("promoted: %v; the pooler says that it is a standby: %s", promoted, c.PgConn().ParameterStatus("in_hot_standby"))
			return nil
		}))
		primary := s.primary
		s.primary = s.standby // where the schema is made
		defer func() { s.primary = primary }()
		run(t, port, 0, "held")
	})
}
