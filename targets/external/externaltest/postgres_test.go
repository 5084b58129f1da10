package externaltest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/postgres"
)

// nobody runs what refuses to run as root.
const nobody = 65534

// servers are a PostgreSQL primary and a standby that replays late, which the test
// runs: with passwords and, beside plain connections, TLS.
type servers struct {
	t       *testing.T
	dir     string
	bin     string
	ca      *authority
	primary string
	standby string
}

// pgPassword is the password of the user app, which may make schemas.
const pgPassword = "correct-horse-battery-staple"

func startServers(t *testing.T) *servers {
	t.Helper()
	s := &servers{t: t, dir: t.TempDir()}
	if out, err := exec.Command(binary, "fetch", "postgres", "--progress", "none").CombinedOutput(); err != nil {
		t.Fatalf("fetching PostgreSQL: %v\n%s", err, out)
	}
	cache, err := os.UserCacheDir()
	must(t, err)
	found, err := filepath.Glob(filepath.Join(cache, "lapse", "postgres", "postgresql-*", "bin", "postgres"))
	if err != nil || len(found) == 0 {
		t.Fatalf("there is no PostgreSQL in %s: %v", cache, err)
	}
	software := filepath.Dir(filepath.Dir(found[len(found)-1]))
	if os.Geteuid() == 0 {
		// The cache is root's alone, and PostgreSQL is not for root.
		must(t, os.CopyFS(filepath.Join(s.dir, "software"), os.DirFS(software)))
		software = filepath.Join(s.dir, "software")
		must(t, exec.Command("chmod", "-R", "a+rX", software).Run())
		must(t, os.Chown(s.dir, nobody, nobody))
		openUp(t, s.dir)
	}
	s.bin = filepath.Join(software, "bin")
	s.ca = newAuthority(t, s.dir)
	s.ca.server(t)

	s.primary, s.standby = filepath.Join(s.dir, "primary"), filepath.Join(s.dir, "standby")
	ports := freePorts(t, 2)
	must(t, os.WriteFile(filepath.Join(s.dir, "pw"), []byte(pgPassword), 0o644))
	s.as("initdb", "-D", s.primary, "-U", "app", "--pwfile="+filepath.Join(s.dir, "pw"), "-A", "scram-sha-256", "--no-sync", "--no-instructions", "--locale=C")
	s.own(s.ca.file("server.key"))
	conf := fmt.Sprintf("listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nshared_buffers = 16MB\nssl = on\nssl_cert_file = '%s'\nssl_key_file = '%s'\n",
		s.ca.file("server.pem"), s.ca.file("server.key"))
	appendTo(t, filepath.Join(s.primary, "postgresql.conf"), conf)
	hba := "host replication all 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
	must(t, os.WriteFile(filepath.Join(s.primary, "pg_hba.conf"), []byte(hba), 0o644))
	must(t, exec.Command("cp", "-a", s.primary, s.standby).Run())
	appendTo(t, filepath.Join(s.primary, "postgresql.conf"), "port = "+ports[0]+"\n")
	appendTo(t, filepath.Join(s.standby, "postgresql.conf"), fmt.Sprintf("port = %s\nprimary_conninfo = 'host=127.0.0.1 port=%s user=app'\nrecovery_min_apply_delay = 300ms\nwal_retrieve_retry_interval = 200ms\n", ports[1], ports[0]))
	must(t, os.WriteFile(filepath.Join(s.standby, "standby.signal"), nil, 0o644))
	for _, dir := range []string{s.primary, s.standby} {
		// Also what the operator's start does.
		setpriv := ""
		if os.Geteuid() == 0 {
			setpriv = fmt.Sprintf("setpriv --reuid %d --regid %d --clear-groups ", nobody, nobody)
		}
		script := fmt.Sprintf("cd %s\nrm -f %s/postmaster.pid\n%s%s/postgres -D %s >> %s.log 2>&1 &\n", s.dir, dir, setpriv, s.bin, dir, dir)
		must(t, os.WriteFile(dir+".start", []byte(script), 0o644))
		if out, err := exec.Command("/bin/sh", dir+".start").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		t.Cleanup(func() {
			pid := pidOf(dir)
			if pid == 0 || syscall.Kill(pid, syscall.SIGQUIT) != nil {
				return // it is gone
			}
			for range 100 {
				if syscall.Kill(pid, 0) != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	s.t = t
	for i := range ports {
		await(t, "PostgreSQL to answer at "+ports[i], func(ctx context.Context) error {
			return s.query(ctx, ports[i], "SELECT 1")
		})
	}
	s.primary, s.standby = ports[0], ports[1]
	return s
}

// openUp lets everybody pass through to a directory.
func openUp(t *testing.T, dir string) {
	t.Helper()
	for d := dir; strings.HasPrefix(d, os.TempDir()) && d != os.TempDir(); d = filepath.Dir(d) {
		must(t, os.Chmod(d, 0o755))
	}
}

// pidOf is the process of a server, 0 if there is none.
func pidOf(dir string) int {
	b, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, _ := strconv.Atoi(line)
	return pid
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o644)
	must(t, err)
	_, err = f.WriteString(text)
	must(t, errors.Join(err, f.Close()))
}

func (s *servers) own(path string) {
	if os.Geteuid() == 0 {
		must(s.t, os.Chown(path, nobody, nobody))
	}
}

// as runs one of PostgreSQL's commands to its end.
func (s *servers) as(name string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// query runs a statement as app.
func (s *servers) query(ctx context.Context, port, sql string, into ...any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, "postgres://app:"+pgPassword+"@127.0.0.1:"+port+"/postgres?sslmode=disable")
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	if len(into) == 0 {
		_, err = c.Exec(ctx, sql)
		return err
	}
	return c.QueryRow(ctx, sql).Scan(into...)
}

// schemas counts what runs have left.
func (s *servers) schemas() int {
	s.t.Helper()
	var n int
	must(s.t, s.query(s.t.Context(), s.primary, `SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'lapse%'`, &n))
	return n
}

func (s *servers) dsn(host string) string {
	return "postgres://app@" + host + ":" + s.primary + "," + host + ":" + s.standby + "/postgres"
}

// TestPostgres: an asynchronous standby forgets what a session wrote, and the
// primary does not, on servers that the test runs.
func TestPostgres(t *testing.T) {
	s := startServers(t)
	secret := []string{"PGPASSWORD=" + pgPassword}
	common := []string{"run", "--target", "postgres", "--progress", "plain", "--duration", "4s", "--model", "read-your-writes", "--workload", "session", "--rate", "150"}
	clean := func(t *testing.T, r result) {
		t.Helper()
		r.keeps(t, pgPassword)
		if n := s.schemas(); n > 0 {
			t.Errorf("%d schemas were left", n)
		}
	}
	t.Run("replica", func(t *testing.T) {
		r := decided(t, 1, secret, append(common, "--at", s.dsn("127.0.0.1"), "--read-level", "replica")...)
		clean(t, r.expect(t, 1, "own write not seen", "PostgreSQL"))
	})
	t.Run("primary over TLS, killed and started", func(t *testing.T) {
		operator := filepath.Join(s.dir, "operator.yaml")
		// A server's children notice the end of the one that started them.
		text := "timeout: 20s\nnodes:\n"
		for i, name := range []string{"primary", "standby"} {
			data := filepath.Join(s.dir, name)
			text += fmt.Sprintf("  n%d:\n    kill: kill -9 $(head -1 %s/postmaster.pid)\n    start: sh %s.start\n", i+1, data, data)
		}
		must(t, os.WriteFile(operator, []byte(text), 0o644))
		// With this seed both are killed, the standby first.
		r := decided(t, 0, secret, append(common, "--at", s.dsn("localhost"), "--set", "tls_ca="+s.ca.file("ca.pem"),
			"--faults", "kill", "--operator", operator, "--duration", "8s", "--seed", "4")...)
		clean(t, r.expect(t, 0, "held"))
		r.tookEffect(t, 1)
		r.keeps(t, "BEGIN CERTIFICATE")
	})
	t.Run("clients that die, and what they carried", func(t *testing.T) {
		stay := slices.Concat(common, []string{"--at", s.dsn("127.0.0.1"), "--read-level", "wait-for-lsn", "--session", "stay", "--duration", "6s"})
		r := decided(t, 0, secret, append(stay, "--faults", "client-death")...)
		clean(t, r.expect(t, 0, "held"))
		r.tookEffect(t, 2)
		// What sessions see that have lost it is the machine's affair: its standby may be quick.
		r = lapse(t, secret, append(stay, "--faults", "token-lost")...)
		clean(t, r)
		r.tookEffect(t, 2)
		lapse(t, secret, append(common, "--at", s.dsn("127.0.0.1"), "--read-level", "primary", "--faults", "token-lost")...).expect(t, 64, "token-lost needs sessions that carry something")
	})
	t.Run("interrupted", func(t *testing.T) {
		for name, signal := range map[string]os.Signal{"once": os.Interrupt, "killed": syscall.SIGKILL} {
			out := filepath.Join(t.TempDir(), "runs")
			cmd := exec.Command(binary, append(common, "--at", s.dsn("127.0.0.1"), "--duration", "60s", "--out", out)...)
			cmd.Env = append(cleanEnvironment(), secret...)
			p := start(t, filepath.Join(t.TempDir(), "log"), cmd)
			await(t, "the schema to be there", func(context.Context) error {
				if s.schemas() == 0 {
					return errors.New("it is not")
				}
				return nil
			})
			must(t, p.cmd.Process.Signal(signal))
			<-p.done
			if signal == os.Interrupt {
				if code := p.cmd.ProcessState.ExitCode(); code != 130 || s.schemas() != 0 {
					t.Errorf("%s: exit %d, and %d schemas are left", name, code, s.schemas())
				}
				continue
			}
			// What a killed run left is told, with the way to remove it.
			if s.schemas() != 1 {
				t.Fatalf("%d schemas", s.schemas())
			}
			r := lapse(t, secret, "doctor", "--target", "postgres", "--at", s.dsn("127.0.0.1")).expect(t, 0, "is left alone", "DROP SCHEMA lapse_", "n2 (127.0.0.1:"+s.standby+") a standby")
			i := strings.Index(r.stdout, "DROP SCHEMA")
			must(t, s.query(t.Context(), s.primary, strings.TrimSpace(strings.Split(r.stdout[i:], ";")[0])))
		}
		if n := s.schemas(); n > 0 {
			t.Errorf("%d schemas were left", n)
		}
	})
	t.Run("bad input", func(t *testing.T) { s.badInput(t, common, secret) })
	// The same address, but for what an option sets: the servers see it.
	t.Run("options of a URL", func(t *testing.T) {
		at := "postgres://app@127.0.0.1:" + s.primary + "/postgres?options=-c%20default_transaction_read_only%3D"
		lapse(t, secret, "doctor", "--target", "postgres", "--at", at+"off").expect(t, 0, "takes writes")
		lapse(t, secret, "doctor", "--target", "postgres", "--at", at+"on").expect(t, 3, "read-only", "options in the address", "ALTER ROLE")
	})
	t.Run("several hosts of a connection string", func(t *testing.T) {
		at := "host=127.0.0.1,127.0.0.1 port=" + s.primary + "," + s.standby + " user=app dbname=postgres target_session_attrs=read-write"
		lapse(t, secret, "doctor", "--target", "postgres", "--at", at).expect(t, 0, "n1 (127.0.0.1:"+s.primary+") takes writes", "n2 (127.0.0.1:"+s.standby+") a standby")
	})
	t.Run("one server by two names", func(t *testing.T) { // as two proxies of one server have
		at := "postgres://app@127.0.0.1:" + s.primary + ",localhost:" + s.primary + "/postgres"
		lapse(t, secret, "doctor", "--target", "postgres", "--at", at).expect(t, 0, "n1 and n2 may be one server (takes writes, started at 2")
		r := lapse(t, secret, "doctor", "--target", "postgres", "--at", s.dsn("127.0.0.1")).expect(t, 0)
		if strings.Contains(r.stdout+r.stderr, "may be one server") {
			t.Errorf("a primary and its standby: %s%s", r.stdout, r.stderr)
		}
	})
	t.Run("a schema of that name", func(t *testing.T) { s.taken(t) })
}

func (s *servers) badInput(t *testing.T, common, secret []string) {
	must(t, s.query(t.Context(), s.primary, `CREATE ROLE guest LOGIN PASSWORD '`+pgPassword+`'`))
	for name, c := range map[string]struct {
		env  []string
		args []string
		code int
		says []string
	}{
		"no password":      {nil, []string{"--at", s.dsn("127.0.0.1")}, 3, []string{"PGPASSWORD"}},
		"wrong password":   {[]string{"PGPASSWORD=not-the-secret"}, []string{"--at", s.dsn("127.0.0.1")}, 3, []string{"password authentication failed", "PGPASSWORD"}},
		"password in URL":  {secret, []string{"--at", "postgres://app:" + pgPassword + "@127.0.0.1:" + s.primary + "/postgres"}, 64, []string{"PGPASSWORD", "PGPASSFILE"}},
		"password as key":  {secret, []string{"--at", "host=127.0.0.1 password=" + pgPassword}, 64, []string{"PGPASSWORD", "PGPASSFILE"}},
		"password in path": {secret, []string{"--at", "postgres://127.0.0.1/x?user=app&password=" + pgPassword}, 64, []string{"PGPASSWORD"}},
		"broken URL":       {secret, []string{"--at", "postgres://app@127.0.0.1:port%zz/x"}, 64, []string{"--at: address 1"}},
		"no such database": {secret, []string{"--at", "postgres://app@127.0.0.1:" + s.primary + "/nowhere"}, 3, []string{"PGDATABASE"}},
		"no right to make": {secret, []string{"--at", "postgres://guest@127.0.0.1:" + s.primary + "/postgres"}, 3, []string{"may not make a schema", "GRANT CREATE"}},
		"standbys only":    {secret, []string{"--at", "postgres://app@127.0.0.1:" + s.standby + "/postgres"}, 3, []string{"name the primary"}},
		"no standby":       {secret, []string{"--at", "postgres://app@127.0.0.1:" + s.primary + "/postgres", "--read-level", "replica"}, 64, []string{"name a standby"}},
		"unknown level":    {secret, []string{"--at", s.dsn("127.0.0.1"), "--read-level", "QUORUM"}, 64, []string{"--read-level QUORUM", "primary"}},
		"unserved level":   {secret, []string{"--at", s.dsn("127.0.0.1"), "--write-level", "remote_apply"}, 3, []string{"synchronous_standby_names is empty"}},
		"option of ours":   {secret, []string{"--at", s.dsn("127.0.0.1"), "--set", "failover=on"}, 64, []string{"no such option"}},
		"unknown CA":       {secret, []string{"--at", s.dsn("localhost"), "--set", "tls=on"}, 3, []string{"tls_ca"}},
		"verified by DSN":  {secret, []string{"--at", "postgres://app@localhost:" + s.primary + "/postgres?sslmode=verify-full"}, 3, []string{"sslrootcert"}},
		"no CA":            {secret, []string{"--at", s.dsn("localhost"), "--set", "tls_ca=" + s.ca.file("server.key")}, 64, []string{"no certificate"}},
		"reads alone":      {secret, []string{"--at", "postgres://app@127.0.0.1:" + s.primary + "/postgres?options=-c%20default_transaction_read_only%3Don"}, 3, []string{"read-only", "options in the address"}},
		"half encrypted":   {secret, []string{"--at", "postgres://app@localhost:" + s.primary + "/postgres?sslmode=prefer"}, 64, []string{"sslmode=verify-full"}},
		"twice":            {secret, []string{"--at", "127.0.0.1:" + s.primary, "--at", "127.0.0.1:" + s.primary}, 64, []string{"twice"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := lapse(t, c.env, append(common, c.args...)...).expect(t, c.code, c.says...)
			r.keeps(t, pgPassword)
			r.keeps(t, "not-the-secret")
			if r.took > 20*time.Second {
				t.Errorf("said after %v", r.took)
			}
		})
	}
	if n := s.schemas(); n > 0 {
		t.Errorf("%d schemas were left", n)
	}
}

// taken: a schema that was there is neither used nor removed.
func (s *servers) taken(t *testing.T) {
	t.Setenv("PGPASSWORD", pgPassword)
	must(t, s.query(t.Context(), s.primary, `CREATE SCHEMA lapse_mine`))
	must(t, s.query(t.Context(), s.primary, `CREATE TABLE lapse_mine.registers (precious int)`))
	target, err := postgres.Target{}.External([]string{s.dsn("127.0.0.1")})
	must(t, err)
	refusesToTouch(t, target, "mine")
	var n int
	must(t, s.query(t.Context(), s.primary, `SELECT count(*) FROM lapse_mine.registers`, &n))
}

// refusesToTouch starts a run of a name whose place is taken.
func refusesToTouch(t *testing.T, target targets.Target, run string) {
	t.Helper()
	cfg, err := target.Resolve(targets.Config{Run: run, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	spec := target.Spec(cfg)
	spec.LogDir = t.TempDir()
	c, err := external.Provider{}.Open(t.Context(), spec)
	must(t, err)
	_, err = target.Start(t.Context(), c, cfg)
	var environment *cluster.EnvironmentError
	if !errors.As(err, &environment) || !strings.Contains(err.Error(), "nothing was touched") {
		t.Errorf("got %v", err)
	}
	must(t, c.Close(t.Context()))
}
