package mysql

import (
	"database/sql/driver"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	sdk "github.com/go-sql-driver/mysql"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/outcome/outcometest"
)

// TestClassify has a case for each error that the table names, on a statement and on
// COMMIT.
func TestClassify(t *testing.T) {
	c := outcometest.New(t, errorTable)
	answer := func(n int) error { return &sdk.MySQLError{Number: uint16(n), Message: "of 192.0.2.7 and key 42"} }
	for _, r := range []*outcome.Refusal{outcome.ErrMismatch, outcome.ErrInsufficient, outcome.ErrNoAccount, errNotApplied} {
		c.Is(r.Text, r, history.Fail, outcometest.Kept, r.Text)
	}
	for _, n := range certain {
		c.Is("a statement", answer(n), history.Fail, outcometest.Kept, "")
		c.Is("COMMIT", &commitError{answer(n)}, history.Fail, outcometest.Kept, "")
	}
	c.Is("certification failed", &commitError{answer(1213)}, history.Fail, outcometest.Kept, "error 1213: deadlock found or certification failed")
	c.Is("no quorum", answer(1047), history.Fail, outcometest.Kept, "error 1047: WSREP has not yet prepared node for application use")
	c.Is("a read-only server", answer(1290), history.Fail, outcometest.Kept, "error 1290: running with --read-only")
	for _, n := range unwaited {
		c.Is("a statement that waited", answer(n), history.Fail, outcometest.Kept, "")
		c.Is("COMMIT that waited", &commitError{answer(n)}, history.Info, outcometest.Kept, "")
	}
	c.Is("a cut in the middle of COMMIT", &commitError{answer(1180)}, history.Info, outcometest.Kept, "error 1180: error during COMMIT")
	c.Is("a cut in the middle of an autocommit", answer(1180), history.Info, outcometest.Kept, "error 1180: error during COMMIT")
	for _, n := range ending {
		c.Is("the server ends", answer(n), history.Info, outcometest.Broken, "")
	}
	c.Is("a number that is not named", answer(4321), history.Info, outcometest.Kept, "error 4321")
	c.Is("interrupted", answer(1317), history.Info, outcometest.Kept, "error 1317: query execution was interrupted")
	c.Is("lost", sdk.ErrInvalidConn, history.Info, outcometest.Broken, "connection lost")
	c.Is("lost before", driver.ErrBadConn, history.Info, outcometest.Broken, "connection lost")
	for n, note := range map[int]string{1213: history.NoteAborted, 1020: history.NoteAborted, 1205: history.NoteAborted, 1047: "", 1290: ""} {
		if got := served(answer(n)); got != note {
			t.Errorf("%d is noted as %q, want %q", n, got, note)
		}
	}
}

// TestResolve has what is refused beside what is not, one setting apart.
func TestResolve(t *testing.T) {
	set := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	for _, c := range []struct {
		name    string
		cfg     targets.Config
		refused string
	}{
		{"defaults", targets.Config{}, ""},
		{"semi-synchronous", targets.Config{WriteLevel: "AFTER_SYNC"}, ""},
		{"of Galera", targets.Config{ReadLevel: "sync_wait:1"}, "--read-level sync_wait:1 is one of --set topology=galera"},
		{"in Galera", targets.Config{ReadLevel: "sync_wait:1", Options: set(optTopology, "galera")}, ""},
		{"of replication", targets.Config{ReadLevel: "replica", Options: set(optTopology, "galera")}, "--read-level replica is one of --set topology=replication"},
		{"of none", targets.Config{ReadLevel: "QUORUM"}, "--read-level QUORUM"},
		{"a write level of none", targets.Config{WriteLevel: "QUORUM"}, "--write-level QUORUM"},
		{"two nodes", targets.Config{Nodes: 2}, ""},
		{"too small a Galera", targets.Config{Nodes: 2, Options: set(optTopology, "galera")}, "--nodes 2"},
		{"failover", targets.Config{Options: set(optFailover, "on")}, ""},
		{"failover of Galera", targets.Config{Options: set(optFailover, "on", optTopology, "galera")}, "--set failover=on"},
		{"failover of one", targets.Config{Nodes: 1, Options: set(optFailover, "on")}, "--set failover=on: there is no replica"},
		{"a replica of one", targets.Config{Nodes: 1, ReadLevel: "replica"}, "--read-level replica: there is no replica"},
		{"semi-synchronous with nobody", targets.Config{Nodes: 1, WriteLevel: "AFTER_COMMIT"}, "--write-level AFTER_COMMIT: there is no replica"},
		{"plain", targets.Config{Options: set(optTopology, "galera", optRestart, "plain")}, ""},
		{"plain without Galera", targets.Config{Options: set(optRestart, "plain")}, "--set restart=plain"},
		{"one writer of none", targets.Config{Options: set(optWriters, "one")}, "--set writers=one"},
		{"isolation spelled otherwise", targets.Config{Options: set(optIsolation, "read committed")}, ""},
		{"no isolation", targets.Config{Options: set(optIsolation, "snapshot")}, "--set isolation=SNAPSHOT"},
		{"no duration", targets.Config{Options: set(optSticky, "5")}, "--set sticky=5"},
		{"a binary log that is not synced", targets.Config{Options: set(optSyncBinlog, "0")}, ""},
		{"no number of groups", targets.Config{Options: set(optSyncBinlog, "always")}, "--set sync_binlog=always: want a number"},
		{"too many groups", targets.Config{Options: set(optSyncBinlog, "4294967296")}, "--set sync_binlog=4294967296"},
		{"synced as in replication", targets.Config{Options: set(optTopology, "galera", optSyncBinlog, "1")}, ""},
		{"no binary log", targets.Config{Options: set(optTopology, "galera", optSyncBinlog, "0")}, "--set sync_binlog=0: a Galera cluster writes no binary log"},
		{"no way to flush", targets.Config{Options: set(optFlush, "3")}, "--set innodb_flush_log_at_trx_commit=3"},
		{"too long", targets.Config{Options: set(optSemiSyncWait, "25h")}, "--set rpl_semi_sync_master_timeout=25h"},
	} {
		_, err := Target{}.Resolve(c.cfg)
		var usage *targets.UsageError
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.refused != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: %v, want %q", c.name, err, c.refused)
		}
	}
}

// TestPage keeps docs/targets/mysql.md true: it names every option and every level.
func TestPage(t *testing.T) {
	b, err := os.ReadFile("../../docs/targets/mysql.md")
	must(t, err)
	i := Target{}.Info()
	for _, o := range i.Options {
		if !strings.Contains(string(b), "| `"+o.Name+"` |") {
			t.Errorf("the option %s is not there", o.Name)
		}
	}
	for _, l := range append(i.ReadLevels, i.WriteLevels...) {
		if !strings.Contains(string(b), "`"+l+"`") {
			t.Errorf("the level %s is not there", l)
		}
	}
}

// TestPromises: one setting apart, a promise more or less.
func TestPromises(t *testing.T) {
	galera := func(more ...string) map[string]string {
		m := map[string]string{optTopology: topologyGalera}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	const yes, no, silent = "yes", "no", "silent"
	swaps := []history.Func{history.Read, history.Write, history.CAS}
	for _, c := range []struct {
		name  string
		cfg   targets.Config
		funcs []history.Func
		model string
		want  string
	}{
		{"at the primary", targets.Config{}, nil, "linearizable", yes},
		{"at a replica", targets.Config{ReadLevel: readReplica}, nil, "linearizable", no},
		{"at a replica, nothing is lost", targets.Config{ReadLevel: readReplica}, nil, "no-lost-writes", yes},
		{"at a replica, a count", targets.Config{ReadLevel: readReplica}, nil, "counter", no},
		{"at a replica, which stays", targets.Config{ReadLevel: readReplica}, nil, "monotonic-reads", silent},
		{"at a replica and then another", targets.Config{ReadLevel: readReplica, Roams: true}, nil, "monotonic-reads", no},
		{"at a replica that waits and then another", targets.Config{ReadLevel: readGTID, Roams: true}, nil, "monotonic-reads", no},
		{"at the primary, whoever is asked", targets.Config{Roams: true}, nil, "monotonic-reads", silent}, // linearizable is said
		{"at the primary and then a replica", targets.Config{ReadLevel: readSticky}, nil, "monotonic-reads", no},
		{"at the primary and then a replica, its own", targets.Config{ReadLevel: readSticky}, nil, "read-your-writes", silent},
		{"at whichever lags little", targets.Config{ReadLevel: readMaxLag}, nil, "writes-follow-reads", no},
		{"alone", targets.Config{Nodes: 1, ReadLevel: readAny, Roams: true}, nil, "linearizable", yes},
		{"at a replica, an isolation level of the primary", targets.Config{ReadLevel: readReplica}, nil, "serializable", no},
		{"asynchronous failover, a set", targets.Config{Options: map[string]string{optFailover: on}}, nil, "set", no},
		{"asynchronous failover, transactions", targets.Config{Options: map[string]string{optFailover: on}}, nil, "read-committed", no},
		{"semi-synchronous failover, at a replica", targets.Config{WriteLevel: writeAfterSync, ReadLevel: readReplica, Options: map[string]string{optFailover: on}}, nil, "regular", no},
		{"semi-synchronous failover, at a replica, which stays and may be made anew", targets.Config{WriteLevel: writeAfterSync, ReadLevel: readReplica, Options: map[string]string{optFailover: on}}, nil, "monotonic-reads", no},
		{"semi-synchronous failover, at the primary", targets.Config{WriteLevel: writeAfterSync, Options: map[string]string{optFailover: on}}, nil, "monotonic-reads", silent},
		{"not flushed", targets.Config{Options: map[string]string{optFlush: "0"}}, nil, "no-lost-writes", no},
		{"written, not synced, and killed", targets.Config{Options: map[string]string{optFlush: "2"}}, nil, "no-lost-writes", yes},
		{"written, not synced, without power", targets.Config{PowerFailures: true, Options: map[string]string{optFlush: "2"}}, nil, "no-lost-writes", no},
		{"synced, without power", targets.Config{PowerFailures: true}, nil, "no-lost-writes", yes},
		{"the binary log not synced, and killed", targets.Config{Options: map[string]string{optSyncBinlog: "0"}}, nil, "linearizable", yes},
		{"the binary log not synced, without power", targets.Config{PowerFailures: true, Options: map[string]string{optSyncBinlog: "0"}}, nil, "linearizable", no},
		{"Galera, synced, without power", targets.Config{PowerFailures: true, Options: galera()}, nil, "no-lost-writes", yes},
		{"Galera, written, without power", targets.Config{PowerFailures: true, Options: galera(optFlush, "2")}, nil, "no-lost-writes", no},
		{"a replica that waits", targets.Config{ReadLevel: readGTID}, nil, "read-your-writes", yes},
		{"asynchronous failover", targets.Config{Options: map[string]string{optFailover: on}}, nil, "no-lost-writes", no},
		{"semi-synchronous failover, as long as the timeout is not over", targets.Config{WriteLevel: writeAfterSync, Options: map[string]string{optFailover: on}}, nil, "no-lost-writes", silent},
		{"what is shown before it is acknowledged", targets.Config{WriteLevel: writeAfterCommit, Options: map[string]string{optFailover: on}}, nil, "linearizable", no},
		{"what is not", targets.Config{WriteLevel: writeAfterSync, Options: map[string]string{optFailover: on}}, nil, "linearizable", silent},
		{"serializable", targets.Config{Options: map[string]string{optIsolation: serializable}}, nil, "serializable", yes},
		{"repeatable read", targets.Config{}, nil, "snapshot-isolation", no},
		{"with snapshots", targets.Config{Options: map[string]string{optSnapshot: on}}, nil, "snapshot-isolation", yes},
		{"Galera, serializable", targets.Config{Options: galera(optIsolation, serializable)}, nil, "serializable", no},
		{"Galera, serializable at one node", targets.Config{Options: galera(optIsolation, serializable, optWriters, writersOne)}, nil, "serializable", yes},
		{"Galera", targets.Config{Options: galera()}, nil, "regular", no},
		{"Galera, a session that stays", targets.Config{Options: galera()}, nil, "read-your-writes", silent},
		{"Galera, a session that roams", targets.Config{Roams: true, Options: galera()}, nil, "read-your-writes", no},
		{"Galera, a session that roams, back in time", targets.Config{Roams: true, Options: galera()}, nil, "monotonic-reads", no},
		{"Galera, a session that roams, reads wait", targets.Config{Roams: true, ReadLevel: readSync1, Options: galera()}, nil, "monotonic-reads", silent}, // linearizable is said
		{"Galera, reads wait", targets.Config{ReadLevel: readSync1, Options: galera()}, nil, "linearizable", yes},
		{"Galera, reads wait and updates do not", targets.Config{ReadLevel: readSync1, Options: galera()}, swaps, "linearizable", no},
		{"Galera, all wait", targets.Config{ReadLevel: readSync7, Options: galera()}, swaps, "linearizable", yes},
		{"Galera, started plainly, a log", targets.Config{ReadLevel: readSync7, Options: galera(optRestart, restartPlain)}, nil, "eventual", no},
		{"Galera, started plainly", targets.Config{ReadLevel: readSync7, Options: galera(optRestart, restartPlain)}, nil, "linearizable", no},
	} {
		cfg, err := Target{}.Resolve(c.cfg)
		must(t, err)
		got := silent
		if promised, said := (Target{}).Promises(cfg, c.funcs)[c.model]; said {
			got = map[bool]string{true: yes, false: no}[promised]
		}
		if got != c.want {
			t.Errorf("%s: %s is promised: %s, want %s", c.name, c.model, got, c.want)
		}
	}
}

func TestGTID(t *testing.T) {
	for text, want := range map[string]position{"": 0, "0-1-7": 7, "0-3-18446744073709551615": 18446744073709551615} {
		if got, err := parseGTID(text); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"7", "0-1-x", "0-1-7,1-1-7", "0-1-"} {
		if got, err := parseGTID(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// TestLag: what a replica lacks is as old as the first look that saw the primary with it.
func TestLag(t *testing.T) {
	var m lagMeter
	start := time.Now()
	m.samples = []sample{{start.Add(-9 * time.Second), 10}, {start.Add(-5 * time.Second), 20}, {start.Add(-2 * time.Second), 30}}
	for at, want := range map[position]time.Duration{5: 9 * time.Second, 10: 5 * time.Second, 19: 5 * time.Second, 20: 2 * time.Second, 30: 0, 31: 0} {
		if got := m.behind(at); got < want || got > want+time.Second {
			t.Errorf("a replica at %d is %v behind, want %v", at, got, want)
		}
	}
	m.add(30)
	if len(m.samples) != 3 {
		t.Error("a look that saw nothing new was kept")
	}
	m.add(25) // a failover lost some
	if len(m.samples) != 1 || m.behind(25) != 0 {
		t.Errorf("%v", m.samples)
	}
}

// FuzzParseGTID: what is read is the last of three numbers.
func FuzzParseGTID(f *testing.F) {
	for _, s := range []string{"", "0-1-42", "0-1-18446744073709551615", "0-1", "0-1-2,1-1-3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseGTID(s)
		if err == nil && s != "" && (strings.Count(s, "-") != 2 || !strings.HasSuffix(s, strconv.FormatUint(uint64(n), 10))) {
			t.Fatalf("%q is read as %d", s, n)
		}
	})
}

// TestUnmade: what is there after the statement that makes the run's place has failed. What
// may be there is removed; what is another's is not touched.
func TestUnmade(t *testing.T) {
	answer := func(n uint16) error { return &sdk.MySQLError{Number: n, Message: "m"} }
	for _, c := range []struct {
		err  error
		want string
	}{
		{answer(1007), "taken"},
		{answer(1044), "refused"},
		{answer(1290), "refused"},
		{answer(1317), "unknown"}, // interrupted
		{answer(1053), "unknown"}, // the server ends
		{answer(1180), "unknown"},
		{sdk.ErrInvalidConn, "unknown"},
	} {
		got := external.Unmade(number(c.err) == erDatabaseExists, errorTable.Undone(c.err), c.err)
		if taken := errors.Is(got, external.ErrTaken); taken != (c.want == "taken") {
			t.Errorf("%v: taken is %v", c.err, taken)
		}
		if refused := external.IsRefused(got); refused != (c.want != "unknown") {
			t.Errorf("%v: that nothing was made is %v, want %s", c.err, refused, c.want)
		}
	}
}
