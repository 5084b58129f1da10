package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/wire"
)

func TestClassify(t *testing.T) {
	server := func(severity, code string) error { return &pgconn.PgError{Severity: severity, Code: code} }
	const fail, info = history.Fail, history.Info
	for _, c := range []struct {
		name  string
		phase phase
		sent  bool
		err   error
		want  history.Outcome
	}{
		// Nothing was sent.
		{"connection refused", connecting, false, syscall.ECONNREFUSED, fail},
		{"deadline while connecting", connecting, true, context.DeadlineExceeded, fail},
		{"cannot_connect_now", connecting, true, server("FATAL", "57P03"), fail},
		{"too_many_connections", connecting, true, server("FATAL", "53300"), fail},
		{"shut down while connecting", connecting, true, server("FATAL", "57P01"), fail},
		{"no byte of the write left", committing, false, io.EOF, fail},
		{"no byte of the write left, reset", committing, false, syscall.ECONNRESET, fail},

		// Reads and what was not committed have no effect.
		{"read, connection lost", reading, true, io.ErrUnexpectedEOF, fail},
		{"read, deadline", reading, true, context.DeadlineExceeded, fail},
		{"read, recovery conflict", reading, true, server("ERROR", "40001"), fail},
		{"transaction, connection lost before COMMIT", beforeCommit, true, io.ErrUnexpectedEOF, fail},
		{"transaction, deadline before COMMIT", beforeCommit, true, context.DeadlineExceeded, fail},
		{"transaction, condition false", beforeCommit, true, outcome.ErrMismatch, fail},

		// The server says that the transaction is aborted.
		{"serialization_failure", committing, true, server("ERROR", "40001"), fail},
		{"deadlock_detected", committing, true, server("ERROR", "40P01"), fail},
		{"read_only_sql_transaction", committing, true, server("ERROR", "25006"), fail},
		{"in_failed_sql_transaction", committing, true, server("ERROR", "25P02"), fail},
		{"unique_violation", committing, true, server("ERROR", "23505"), fail},
		{"numeric_value_out_of_range", committing, true, server("ERROR", "22003"), fail},
		{"undefined_table", committing, true, server("ERROR", "42P01"), fail},
		{"lock_not_available", committing, true, server("ERROR", "55P03"), fail},
		{"disk_full", committing, true, server("ERROR", "53100"), fail},
		{"program_limit_exceeded", committing, true, server("ERROR", "54000"), fail},
		{"condition false", committing, true, outcome.ErrMismatch, fail},
		{"COMMIT answered with ROLLBACK", committing, true, errRolledBack, fail},
		{"wrapped", committing, true, fmt.Errorf("writing: %w", server("ERROR", "40001")), fail},

		// It may have been committed.
		{"write, connection lost", committing, true, io.ErrUnexpectedEOF, info},
		{"write, reset", committing, true, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, info},
		{"write, deadline", committing, true, context.DeadlineExceeded, info},
		{"write, canceled", committing, true, context.Canceled, info},
		{"admin_shutdown", committing, true, server("FATAL", "57P01"), info},
		{"crash_shutdown", committing, true, server("FATAL", "57P02"), info},
		{"idle_session_timeout", committing, true, server("FATAL", "57P05"), info},
		{"serialization_failure, but fatal", committing, true, server("FATAL", "40001"), info},
		{"panic", committing, true, server("PANIC", "XX000"), info},
		{"query_canceled", committing, true, server("ERROR", "57014"), info},
		{"statement_completion_unknown", committing, true, server("ERROR", "40003"), info},
		{"connection_failure", committing, true, server("ERROR", "08006"), info},
		{"protocol_violation", committing, true, server("ERROR", "08P01"), info},
		{"io_error", committing, true, server("ERROR", "58030"), info},
		{"internal_error", committing, true, server("ERROR", "XX000"), info},
		{"data_corrupted", committing, true, server("ERROR", "XX001"), info},
		{"a code nobody knows", committing, true, server("ERROR", "ZZ999"), info},
		{"wait for standbys canceled", committing, true, errNotReplicated, info},
		{"an error nobody knows", committing, true, errors.New("?"), info},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := classify(c.phase, c.sent, c.err); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestErrorTexts: a text is the same for every operation that met the error, and
// none has an address in it, for each is kept once a run.
func TestErrorTexts(t *testing.T) {
	op := func(err error) error {
		return &net.OpError{Op: "read", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 77, 0, 11), Port: 40123}, Err: os.NewSyscallError("read", err)}
	}
	for want, err := range map[string]error{
		"writing: connection refused":                op(syscall.ECONNREFUSED),
		"writing: connection reset":                  op(syscall.ECONNRESET),
		"writing: connection closed":                 fmt.Errorf("unexpected EOF: %w", io.ErrUnexpectedEOF),
		"writing: deadline exceeded":                 fmt.Errorf("timeout: %w", context.DeadlineExceeded),
		"writing: no route to the node":              op(syscall.EHOSTUNREACH),
		"writing: ERROR 40001 could not serialize":   &pgconn.PgError{Severity: "ERREUR", SeverityUnlocalized: "ERROR", Code: "40001", Message: "could not serialize\nmore"},
		"writing: the value is not the expected one": outcome.ErrMismatch,
		"writing: connection failed":                 op(errors.New("?")),
	} {
		if got := describeError("writing", err).Error(); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
	if describeError("writing", nil) != nil {
		t.Error("no error is described as one")
	}
}

func TestResolve(t *testing.T) {
	opts := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	for _, c := range []struct {
		name string
		cfg  targets.Config
		// want is part of the error, empty if it is good.
		want string
	}{
		{"defaults", targets.Config{}, ""},
		{"every option", targets.Config{Nodes: 5, ReadLevel: "sticky", WriteLevel: "remote_write", Options: opts("sync", "first:2", "sticky", "1500ms", "isolation", "Repeatable-Read", "failover", "on", "failover-after", "2s")}, ""},
		{"one node", targets.Config{Nodes: 1}, ""},
		{"k is all standbys", targets.Config{Options: opts("sync", "any:2")}, ""},
		{"k is more", targets.Config{Options: opts("sync", "any:3")}, "raise --nodes to 4"},
		{"k is none", targets.Config{Options: opts("sync", "any:0")}, "must be none, any:K or first:K"},
		{"no k", targets.Config{Options: opts("sync", "any")}, "must be none, any:K or first:K"},
		{"another method", targets.Config{Options: opts("sync", "all:1")}, "must be none, any:K or first:K"},
		{"no nodes", targets.Config{Nodes: -1}, "--nodes -1"},
		{"too many nodes", targets.Config{Nodes: 10}, "1 to 9 nodes"},
		{"unknown read level", targets.Config{ReadLevel: "quorum"}, "primary, replica, any, sticky, wait-for-lsn"},
		{"unknown write level", targets.Config{WriteLevel: "majority"}, "remote_apply"},
		{"unknown option", targets.Config{Options: opts("synk", "any:1")}, "has no such option"},
		{"remote_apply without standbys to wait for", targets.Config{WriteLevel: "remote_apply"}, "add --set sync=any:1"},
		{"remote_write without standbys to wait for", targets.Config{WriteLevel: "remote_write"}, "add --set sync=any:1"},
		{"remote_write on one node", targets.Config{Nodes: 1, WriteLevel: "remote_write"}, "with a single node use on or local"},
		{"on without standbys to wait for", targets.Config{WriteLevel: "on"}, ""},
		{"replica without one", targets.Config{Nodes: 1, ReadLevel: "replica"}, "no replica"},
		{"wait-for-lsn without a replica", targets.Config{Nodes: 1, ReadLevel: "wait-for-lsn"}, "no replica"},
		{"any on one node", targets.Config{Nodes: 1, ReadLevel: "any"}, ""},
		{"failover on one node", targets.Config{Nodes: 1, Options: opts("failover", "on")}, "no standby"},
		{"failover misspelled", targets.Config{Options: opts("failover", "yes")}, "must be one of off, on"},
		{"sticky without a unit", targets.Config{Options: opts("sticky", "5")}, "want a duration"},
		{"sticky negative", targets.Config{Options: opts("sticky", "-5s")}, "want a duration"},
		{"serializable on replicas", targets.Config{ReadLevel: "any", Options: opts("isolation", "serializable")}, "no serializable transactions on a standby"},
		{"serializable on the primary", targets.Config{Options: opts("isolation", "serializable")}, ""},
		{"snapshot", targets.Config{Options: opts("isolation", "snapshot")}, "must be one of"},
		{"delay", targets.Config{Options: opts("apply-delay", "30s")}, ""},
		{"delay and remote_apply", targets.Config{WriteLevel: "remote_apply", Options: opts("apply-delay", "30s", "sync", "any:1")}, "every commit would wait"},
		{"delay and failover", targets.Config{Options: opts("apply-delay", "30s", "failover", "on")}, "use one of them"},
		{"Patroni", targets.Config{Options: opts("failover", "patroni", "dcs", "nodes", "ttl", "30s", "maximum_lag_on_failover", "0", "synchronous_mode", "on", "synchronous_mode_strict", "on")}, ""},
		{"Patroni at remote_apply", targets.Config{WriteLevel: "remote_apply", Options: opts("failover", "patroni", "synchronous_mode", "on")}, ""},
		{"Patroni at remote_apply, asynchronous", targets.Config{WriteLevel: "remote_apply", Options: opts("failover", "patroni")}, "add --set synchronous_mode=on"},
		{"Patroni with our standbys", targets.Config{Options: opts("failover", "patroni", "sync", "any:1")}, "Patroni sets synchronous_standby_names itself"},
		{"Patroni on one node", targets.Config{Nodes: 1, Options: opts("failover", "patroni")}, "no standby"},
		{"Patroni with a lease too short", targets.Config{Options: opts("failover", "patroni", "ttl", "3s")}, "5s or more"},
		{"Patroni with half a second", targets.Config{Options: opts("failover", "patroni", "ttl", "5500ms")}, "whole seconds"},
		{"Patroni with a lag that is none", targets.Config{Options: opts("failover", "patroni", "maximum_lag_on_failover", "1MB")}, "a number of bytes"},
		{"Patroni strict alone", targets.Config{Options: opts("failover", "patroni", "synchronous_mode_strict", "on")}, "add --set synchronous_mode=on"},
		{"a setting of Patroni's without it", targets.Config{Options: opts("synchronous_mode", "on")}, "add --set failover=patroni"},
		{"delay and Patroni", targets.Config{Options: opts("apply-delay", "30s", "failover", "patroni")}, "use one of them"},
		{"several leaders", targets.Config{Nodes: 2, Options: opts("topology", "multi-leader")}, ""},
		{"one leader of several", targets.Config{Nodes: 1, Options: opts("topology", "multi-leader")}, "no other leader"},
		{"several leaders read at another's", targets.Config{ReadLevel: "primary", Options: opts("topology", "multi-leader")}, "use --read-level any"},
		{"several leaders and failover", targets.Config{Options: opts("topology", "multi-leader", "failover", "on")}, "none waits for another"},
		{"several leaders and standbys", targets.Config{Options: opts("topology", "multi-leader", "sync", "any:1")}, "none waits for another"},
		{"bindir of nothing", targets.Config{Options: opts("bindir", t.TempDir())}, "no program initdb"},
		{"bindir relative", targets.Config{Options: opts("bindir", "bin")}, "must be an absolute path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Target{}.Resolve(c.cfg)
			var usage *targets.UsageError
			if (err != nil) != (c.want != "") || (err != nil && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.want))) {
				t.Fatalf("got %v, want a UsageError with %q", err, c.want)
			}
			if err != nil {
				return
			}
			again, err := Target{}.Resolve(got)
			if err != nil || fmt.Sprint(again) != fmt.Sprint(got) {
				t.Errorf("what was resolved resolves to something else: %v (%v), then %v", got, err, again)
			}
			if got.Nodes == 0 || got.ReadLevel == "" || got.WriteLevel == "" || len(got.Options) != len(options) || got.OpTimeout == 0 {
				t.Errorf("not complete: %+v", got)
			}
		})
	}
}

func TestSynchronousStandbyNames(t *testing.T) {
	for _, c := range []struct {
		rule syncRule
		want string
	}{
		{syncRule{}, ""},
		{syncRule{"any", 1}, `ANY 1 ("n2", "n3")`},
		{syncRule{"first", 2}, `FIRST 2 ("n2", "n3")`},
	} {
		if got := c.rule.names([]string{"n2", "n3"}); got != c.want {
			t.Errorf("%v: got %s, want %s", c.rule, got, c.want)
		}
	}
}

func TestLSN(t *testing.T) {
	for _, c := range []struct {
		text string
		want lsn
	}{{"0/0", 0}, {"", 0}, {"0/3000148", 0x3000148}, {"16/B374D848", 0x16<<32 | 0xB374D848}, {"FFFFFFFF/FFFFFFFF", 1<<64 - 1}} {
		got, err := parseLSN(c.text)
		if err != nil || got != c.want {
			t.Errorf("%q: got %v (%v), want %v", c.text, got, err, c.want)
		}
		if c.text != "" && got.String() != c.text {
			t.Errorf("%q comes back as %q", c.text, got)
		}
	}
	for _, text := range []string{"x", "0", "0/", "/0", "0/0x", "100000000/0", "-1/0"} {
		if got, err := parseLSN(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestLSNEnd(t *testing.T) {
	for _, c := range []struct{ at, want lsn }{
		{0x3000148, 0x3000148},
		{0x3002018, 0x3002000},             // only a page's header has begun
		{0x3000028, 0x3000000},             // only a segment's header has begun
		{0x3000018, 0x3000018},             // within a segment's header: not a position that occurs
		{0x3002020, 0x3002020},             // something stands behind the header
		{0x1_03002018, 0x1_03002000},       // beyond 4 GB
		{0x3FFE000 + 24, 0x3FFE000},        // the last page of a segment
		{0x3FFE000 + 8192 + 40, 0x4000000}, // the first one of the next
	} {
		if got := c.at.end(); got != c.want {
			t.Errorf("%v: got %v, want %v", c.at, got, c.want)
		}
	}
}

func TestParseHistory(t *testing.T) {
	good := "1\t0/3000148\tno recovery target specified\n\n# a comment\n2\t0/178F530\tno recovery target specified\n"
	if at, err := parseHistory(good); err != nil || at != 0x178F530 {
		t.Errorf("got %v (%v), want the last switch point", at, err)
	}
	for _, bad := range []string{"", "# nothing\n", "1\n", "1\tx\treason\n"} {
		if at, err := parseHistory(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, at)
		}
	}
}

func TestLastFork(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := lastFork(dir); err == nil {
		t.Error("a timeline without a history, want an error")
	}
	for name, text := range map[string]string{
		"00000002.history": "1\t0/10\t\n", "0000000A.history": "1\t0/10\t\n9\t0/99\t\n", "00000009.history": "1\t0/10\t\n8\t0/88\t\n",
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	if timeline, at, err := lastFork(dir); err != nil || timeline != 10 || at != 0x99 {
		t.Errorf("got timeline %d, left at %v (%v), want 10 at 0/99", timeline, at, err)
	}
}

func TestSharedMemoryID(t *testing.T) {
	good := "123\n/data\n1700000000\n5432\n\n127.0.0.1\n  1234567    42\nready   \n"
	if id, ok := sharedMemoryID([]byte(good)); !ok || id != 42 {
		t.Errorf("got %d %v, want 42", id, ok)
	}
	for _, bad := range []string{"", "123\n/data\n", strings.Replace(good, "42", "", 1), strings.Replace(good, "42", "x", 1)} {
		if id, ok := sharedMemoryID([]byte(bad)); ok {
			t.Errorf("%q: got %d, want none", bad, id)
		}
	}
}

func TestSchemaName(t *testing.T) {
	for run, want := range map[string]string{
		"t1": "lapse_t1", "2026-11-23T19.00-Ab": "lapse_2026_11_23t19_00_ab", `x"; DROP`: "lapse_x___drop",
		strings.Repeat("a", 80): "lapse_" + strings.Repeat("a", 57),
	} {
		if got := external.OwnName(run, 63); got != want {
			t.Errorf("%q: got %q, want %q", run, got, want)
		}
	}
}

func TestLeftOut(t *testing.T) {
	for rel, want := range map[string]bool{
		"PG_VERSION": false, "base/5/1259": false, "global/pg_control": true, "global/1262": false, "postmaster.pid": true,
		"pg_wal": false, "pg_wal/000000010000000000000001": true, "pg_wal/archive_status": false, "pg_wal/archive_status/x.done": true,
		"pg_replslot": false, "pg_replslot/a": true, "base/pgsql_tmp": true, "standby.signal": true, "pg_xact/0000": false,
	} {
		if got := leftOut(rel); got != want {
			t.Errorf("%s: %v, want %v", rel, got, want)
		}
	}
}

func TestRenderQuotes(t *testing.T) {
	if got := string(render([]setting{{"a", "it's"}})); got != "a = 'it''s'\n" {
		t.Errorf("got %q", got)
	}
}

func TestInstalled(t *testing.T) {
	dir := t.TempDir()
	program := func(path string) {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755))
	}
	pattern := filepath.Join(dir, "lib", "*", "bin")
	if _, err := installed("", pattern); err == nil || !strings.Contains(err.Error(), "--set bindir=") {
		t.Errorf("nothing is installed: %v, want an error that names the way out", err)
	}
	for _, v := range []string{"9", "15", "17"} {
		program(filepath.Join(dir, "lib", v, "bin", "postgres"))
		if v != "17" {
			program(filepath.Join(dir, "lib", v, "bin", "initdb"))
		}
	}
	if got, err := installed(filepath.Join(dir, "lib", "17", "bin"), pattern); err != nil || got != filepath.Join(dir, "lib", "15", "bin") {
		t.Errorf("got %s (%v), want the newest that is whole", got, err)
	}
	program(filepath.Join(dir, "path", "postgres"))
	program(filepath.Join(dir, "path", "initdb"))
	if got, err := installed(filepath.Join(dir, "path"), pattern); err != nil || got != filepath.Join(dir, "path") {
		t.Errorf("got %s (%v), want the one on the path", got, err)
	}
}

func TestInspect(t *testing.T) {
	for _, c := range []struct{ says, version, err string }{
		{"postgres (PostgreSQL) 18.3", "18.3", ""},
		{"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "15.18", ""},
		{"postgres (PostgreSQL) 19beta1", "19beta1", ""},
		{"postgres (PostgreSQL) 14.2", "", "15 or newer is needed"},
		{"mysqld 8", "", "it answers"},
	} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "postgres"), []byte("#!/bin/sh\necho '"+c.says+"'\n"), 0o755))
		sw, err := inspect(t.Context(), dir, "")
		if sw.version != c.version || (err != nil) != (c.err != "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q: got %q (%v), want %q and an error with %q", c.says, sw.version, err, c.version, c.err)
		}
	}
}

func TestRoute(t *testing.T) {
	// A read level's node, for each node that the session asks for and each
	// primary.
	for _, c := range []struct {
		level       string
		primary, at int
		wrote       bool
		want        int
	}{
		{readPrimary, 0, 2, false, 0},
		{readAny, 0, 0, false, 0},
		{readAny, 0, 2, true, 2},
		{readReplica, 0, 0, false, 1},
		{readReplica, 0, 2, false, 2},
		{readReplica, 2, 2, false, 0},
		{readReplica, 2, 0, true, 0},
		{readSticky, 0, 2, false, 2},
		{readSticky, 0, 2, true, 0},
		{readSticky, 2, 2, false, 0},
		{readWaitForLSN, 0, 0, true, 1},
		{readAny, 0, -1, false, 1}, // its home
		{readAny, 0, 7, false, 1},
	} {
		s := &System{}
		s.primary.Store(int32(c.primary))
		cl := &client{sys: s, set: settings{read: c.level, sticky: time.Hour}, Conns: wire.NewConns(3, (*conn).close), session: targets.Session{Home: 1}}
		if c.wrote {
			cl.lastWrite = time.Now()
		}
		if got := cl.route(c.at, false); got != c.want {
			t.Errorf("%+v: a read goes to %d", c, got)
		}
		if got := cl.route(c.at, true); got != c.primary {
			t.Errorf("%+v: a write goes to %d", c, got)
		}
	}
}

func FuzzParseLSN(f *testing.F) {
	for _, s := range []string{"0/0", "16/B374D848", "", "x/y", "0/3000148"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := parseLSN(s)
		if err != nil {
			return
		}
		if again, err := parseLSN(l.String()); err != nil || again != l {
			t.Errorf("%q is %v, which is %v (%v)", s, l, again, err)
		}
	})
}

func FuzzParseHistory(f *testing.F) {
	f.Add("1\t0/3000148\tno recovery target specified\n")
	f.Add("# comment\n1 0/10")
	f.Fuzz(func(t *testing.T, s string) {
		if at, err := parseHistory(s); err == nil && at == 0 {
			t.Errorf("%q: a switch point of 0", s)
		}
	})
}

func FuzzSharedMemoryID(f *testing.F) {
	f.Add([]byte("123\n/data\n1700000000\n5432\n\n127.0.0.1\n  1234567    42\nready\n"))
	f.Add([]byte("\n\n\n\n\n\n1 2"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if id, ok := sharedMemoryID(b); !ok && id != 0 {
			t.Errorf("%q: %d although there is none", b, id)
		}
	})
}

func FuzzParseSync(f *testing.F) {
	for _, s := range []string{"none", "any:1", "first:2", "any:", ":1", "any:1:2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		rule, err := parseSync(s, 3)
		if err != nil {
			return
		}
		if rule.count < 0 || rule.count > 3 {
			t.Errorf("%q: %d of 3 standbys", s, rule.count)
		}
		if again, err := parseSync(rule.String(), 3); err != nil || again != rule {
			t.Errorf("%q is %v, which is %v (%v)", s, rule, again, err)
		}
	})
}

// TestServed: what concurrency control aborted is no downtime; the pairs differ in the
// code or in the severity.
func TestServed(t *testing.T) {
	pg := func(severity, code string) error { return &pgconn.PgError{Severity: severity, Code: code} }
	for _, c := range []struct {
		err  error
		want string
	}{
		{pg("ERROR", "40001"), history.NoteAborted},
		{pg("ERROR", "40P01"), history.NoteAborted},
		{pg("FATAL", "40001"), ""},
		{pg("ERROR", "55P03"), history.NoteAborted},
		{pg("ERROR", "53300"), ""},
		{pg("ERROR", "25006"), ""},
		{outcome.ErrInsufficient, history.NoteRefused},
		{errNotPrimary, ""},
		{outcome.ErrMismatch, ""}, // its CAS is marked as mismatched
	} {
		if got := served(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

// TestUnmade: what is there after the statement that makes the run's place has failed. What
// may be there is removed; what is another's is not touched.
func TestUnmade(t *testing.T) {
	server := func(severity, code string) error {
		return fmt.Errorf("making: %w", &pgconn.PgError{Severity: severity, Code: code, Message: "m"})
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{server("ERROR", "42P06"), "taken"},
		{server("ERROR", "42501"), "refused"}, // insufficient_privilege
		{server("ERROR", "25006"), "refused"}, // read_only_sql_transaction
		{server("ERROR", "40003"), "unknown"}, // statement_completion_unknown
		{server("ERROR", "08006"), "unknown"}, // connection_failure
		{server("ERROR", "57014"), "unknown"}, // query_canceled
		{server("FATAL", "57P01"), "unknown"}, // admin_shutdown
		{io.ErrUnexpectedEOF, "unknown"},
	} {
		got := unmade("the schema lapse_r1", c.err)
		if taken := errors.Is(got, external.ErrTaken); taken != (c.want == "taken") {
			t.Errorf("%v: taken is %v", c.err, taken)
		}
		if refused := external.IsRefused(got); refused != (c.want != "unknown") {
			t.Errorf("%v: that nothing was made is %v, want %s", c.err, refused, c.want)
		}
	}
}
