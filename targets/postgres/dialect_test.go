package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/launch"
	"github.com/lapse-test/lapse/targets/wire"
)

// standIn is a server that speaks PostgreSQL's protocol and answers as a dialect's
// documentation says. It has no database: every answer is from its script. No verdict
// about the real system is drawn from it.
type standIn struct {
	mu   sync.Mutex
	seen []string
	// params are what the session asked for last.
	params map[string]string
	// answer says what becomes of a statement: an error with this code, or the rows.
	answer func(sql string) (code string, columns []string, row []int64)
}

// int8OID is the type of all that is asked and answered.
const int8OID = 20

// serve returns where it listens; it ends with the test.
func (s *standIn) serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var sessions sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); sessions.Wait() })
	sessions.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { s.session(c) })
		}
	})
	return l.Addr().String()
}

func (s *standIn) session(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	b := pgproto3.NewBackend(c, c)
	start, err := b.ReceiveStartupMessage()
	if err != nil {
		return
	}
	if m, ok := start.(*pgproto3.StartupMessage); ok {
		s.mu.Lock()
		s.params = m.Parameters
		s.mu.Unlock()
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: "13.0"})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if b.Flush() != nil {
		return
	}
	tx, sql, failed := byte('I'), "", false
	for {
		m, err := b.Receive()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *pgproto3.Terminate:
			return
		case *pgproto3.Query:
			tx, _ = s.run(b, m.String, tx, true)
			b.Send(&pgproto3.ReadyForQuery{TxStatus: tx})
		case *pgproto3.Parse:
			sql = m.Query
			b.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Describe:
			_, columns, _ := s.answer(sql)
			if m.ObjectType == 'S' {
				b.Send(&pgproto3.ParameterDescription{ParameterOIDs: slices.Repeat([]uint32{int8OID}, strings.Count(sql, "$"))})
			}
			describeRows(b, columns)
		case *pgproto3.Bind:
			b.Send(&pgproto3.BindComplete{})
		case *pgproto3.Execute:
			tx, failed = s.run(b, sql, tx, false)
		case *pgproto3.Sync:
			if failed && tx == 'T' {
				tx = 'E'
			}
			failed = false
			b.Send(&pgproto3.ReadyForQuery{TxStatus: tx})
		}
		if b.Flush() != nil {
			return
		}
	}
}

func describeRows(b *pgproto3.Backend, columns []string) {
	if len(columns) == 0 {
		b.Send(&pgproto3.NoData{})
		return
	}
	fields := make([]pgproto3.FieldDescription, len(columns))
	for i, c := range columns {
		fields[i] = pgproto3.FieldDescription{Name: []byte(c), DataTypeOID: int8OID, DataTypeSize: 8, Format: 1, TypeModifier: -1}
	}
	b.Send(&pgproto3.RowDescription{Fields: fields})
}

// run notes a statement and answers it.
func (s *standIn) run(b *pgproto3.Backend, sql string, tx byte, simple bool) (byte, bool) {
	s.mu.Lock()
	s.seen = append(s.seen, sql)
	s.mu.Unlock()
	word, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	code, columns, row := s.answer(sql)
	if code != "" {
		b.Send(&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: "as documented"})
		if tx == 'T' {
			tx = 'E'
		}
		if word == "COMMIT" {
			tx = 'I'
		}
		return tx, true
	}
	if simple && len(columns) > 0 {
		describeRows(b, columns)
	}
	if row != nil {
		values := make([][]byte, len(row))
		for i, v := range row {
			values[i] = binary.BigEndian.AppendUint64(nil, uint64(v))
		}
		b.Send(&pgproto3.DataRow{Values: values})
	}
	switch word {
	case "BEGIN":
		tx = 'T'
	case "COMMIT", "ROLLBACK":
		tx = 'I'
	}
	b.Send(&pgproto3.CommandComplete{CommandTag: []byte(word)})
	return tx, false
}

// statements are those that were seen that begin like this.
func (s *standIn) statements(beginning string) (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sql := range s.seen {
		if strings.HasPrefix(sql, beginning) {
			out = append(out, sql)
		}
	}
	return out
}

// sessionOf opens a session of a dialect's at a stand-in.
func sessionOf(t *testing.T, s *standIn, options map[string]string, read string) targets.Client {
	t.Helper()
	for _, name := range []string{"PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE", "PGSERVICE"} {
		t.Setenv(name, "")
	}
	at := []string{"postgres://app@" + s.serve(t) + "/app?sslmode=disable"}
	target, err := Target{}.External(at)
	must(t, err)
	cfg, err := target.Resolve(targets.Config{ReadLevel: read, Options: options})
	must(t, err)
	set, err := externalSettings(cfg)
	must(t, err)
	list, err := parseAddresses(at)
	must(t, err)
	sys := &System{Fleet: launch.New("PostgreSQL", logName, nil, cfg), set: set, schema: "lapse_t1"}
	sys.logins, err = logins(cfg, list)
	must(t, err)
	sys.everyPrimary.Store(true)
	c := &client{sys: sys, set: set, Conns: wire.NewConns(1, (*conn).close)}
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

func do(t *testing.T, c targets.Client, mops ...history.Mop) targets.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), opTimeout)
	defer cancel()
	var txn history.Txn
	txn.Mops = append(txn.Mops, mops...)
	return c.Do(ctx, 0, &txn)
}

// TestDialectCommit: what a COMMIT is answered with decides between certainly not applied
// and perhaps applied.
func TestDialectCommit(t *testing.T) {
	for _, c := range []struct {
		code    string
		outcome history.Outcome
	}{
		{"40001", history.Fail}, // TransactionRetryWithProtoRefreshError: the client is to begin again
		{"40003", history.Info}, // statement_completion_unknown: CockroachDB's ambiguous result
		{"XXUUU", history.Info},
		{"", history.OK},
	} {
		t.Run("commit "+c.code, func(t *testing.T) {
			s := &standIn{answer: func(sql string) (string, []string, []int64) {
				if sql == "COMMIT" {
					return c.code, nil, nil
				}
				if strings.Contains(sql, "RETURNING version") {
					return "", []string{"version"}, []int64{1}
				}
				return "", nil, nil
			}}
			session := sessionOf(t, s, map[string]string{external.OptDialect: "cockroach"}, "")
			if res := do(t, session, write(1, 11), write(2, 12)); res.Outcome != c.outcome {
				t.Errorf("COMMIT answered with %q: %v (%v), want %v", c.code, res.Outcome, res.Err, c.outcome)
			}
			if got := len(s.statements("COMMIT")); got != 1 {
				t.Errorf("COMMIT was sent %d times", got)
			}
			if s.params["default_transaction_isolation"] != "serializable" || s.params["synchronous_commit"] != "" {
				t.Errorf("the session asks for %v", s.params)
			}
		})
	}
}

// TestDialectFollowerReads: how a read of the past is asked for.
func TestDialectFollowerReads(t *testing.T) {
	for _, c := range []struct {
		dialect, begin, setting string
	}{
		{"cockroach", "BEGIN AS OF SYSTEM TIME follower_read_timestamp()", ""},
		{"yugabyte", "BEGIN READ ONLY", "yb_read_from_followers"},
	} {
		t.Run(c.dialect, func(t *testing.T) {
			asOf := false
			s := &standIn{}
			s.answer = func(sql string) (string, []string, []int64) {
				switch {
				case strings.HasPrefix(sql, "BEGIN"):
					asOf = strings.Contains(sql, "AS OF SYSTEM TIME")
				case strings.HasPrefix(sql, "INSERT") && asOf:
					return "25006", nil, nil // a transaction as of some time is read-only
				case strings.HasPrefix(sql, "INSERT"):
					return "", []string{"version"}, []int64{3}
				case strings.HasPrefix(sql, "SELECT value, version"):
					return "", []string{"value", "version"}, []int64{11, 2}
				}
				return "", nil, nil
			}
			session := sessionOf(t, s, map[string]string{external.OptDialect: c.dialect}, readFollower)
			if res := do(t, session, read(1)); res.Outcome != history.OK {
				t.Errorf("a read: %v (%v)", res.Outcome, res.Err)
			}
			if got := s.statements("BEGIN"); !slices.Equal(got, []string{c.begin}) {
				t.Errorf("a read of the past began with %q, want %q", got, c.begin)
			}
			if (s.params["yb_read_from_followers"] == "on") != (c.setting != "") {
				t.Errorf("the session asks for %v", s.params)
			}
			asOf = false
			if res := do(t, session, write(1, 12)); res.Outcome != history.OK {
				t.Errorf("a write of the same session: %v (%v)", res.Outcome, res.Err)
			}
		})
	}
}

// TestDialectTables makes the tables as look and Make of a run do, at servers that refuse
// what their documentation refuses: LISTEN, two statements of a schema in one, SERIAL where it is
// no sequence, an index without the column that a table is distributed by.
func TestDialectTables(t *testing.T) {
	for _, d := range dialects {
		all := d.schema()
		joined := strings.Join(all, "\n")
		for _, sql := range all {
			if strings.Contains(sql, ";") {
				t.Errorf("%s: two statements in one: %s", d.Name, sql)
			}
		}
		if strings.Contains(joined, "LISTEN") || strings.Contains(joined, "BEGIN") {
			t.Errorf("%s: %s", d.Name, joined)
		}
		if serial := strings.Contains(joined, "bigserial"); serial == (d.Name == "cockroach" || d.Name == "citus") {
			t.Errorf("%s: SERIAL %v", d.Name, serial)
		}
		if sequence, queue := strings.Index(joined, "CREATE SEQUENCE ids"), strings.Index(joined, "nextval('ids')"); queue >= 0 && sequence > queue {
			t.Errorf("%s: the queue comes before its sequence", d.Name)
		}
		if distributed := strings.Contains(joined, "create_distributed_table"); distributed != (d.Name == "citus") {
			t.Errorf("%s: distributed %v", d.Name, distributed)
		}
	}
	c := &client{set: settings{dialect: citus}}
	if err := c.set.supported(&history.Txn{Mops: []history.Mop{{Func: history.Enqueue}}}); err == nil || !strings.Contains(err.Error(), "Citus has no") {
		t.Errorf("a queue on Citus: %v", err)
	}
}

func TestDialectLevels(t *testing.T) {
	target, err := Target{}.External([]string{"db1,db2"})
	must(t, err)
	for _, c := range []struct {
		cfg  targets.Config
		want string
	}{
		{targets.Config{Options: map[string]string{external.OptDialect: "cockroach"}}, ""},
		{targets.Config{ReadLevel: readFollower, Options: map[string]string{external.OptDialect: "yugabyte"}}, ""},
		{targets.Config{ReadLevel: readFollower}, "reads at primary"},
		{targets.Config{ReadLevel: readReplica, Options: map[string]string{external.OptDialect: "cockroach"}}, "CockroachDB reads at any, follower"},
		{targets.Config{WriteLevel: writeOn, Options: map[string]string{external.OptDialect: "cockroach"}}, "knows no synchronous_commit"},
		{targets.Config{Options: map[string]string{external.OptDialect: "cockroach", optIsolation: "repeatable read"}}, "serializable, read committed"},
		{targets.Config{Options: map[string]string{external.OptDialect: "yugabyte", optIsolation: "read committed"}}, "repeatable read, serializable"},
		{targets.Config{Options: map[string]string{external.OptDialect: "citus", optIsolation: "serializable"}}, "as levels of their own"},
		{targets.Config{Options: map[string]string{external.OptDialect: "cockroche"}}, "must be one of"},
	} {
		_, err := target.Resolve(c.cfg)
		var usage *targets.UsageError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		}
	}
}

// TestDialectPromises: what is promised at which level, in pairs that differ in one.
func TestDialectPromises(t *testing.T) {
	target, err := Target{}.External([]string{"db1"})
	must(t, err)
	for _, c := range []struct {
		dialect, read, isolation, model string
		want                            string
	}{
		{"cockroach", readAny, "serializable", "serializable", "true"},
		{"cockroach", readAny, "read committed", "serializable", "false"},
		{"cockroach", readAny, "serializable", "strict-serializable", "false"},
		{"cockroach", readFollower, "serializable", "linearizable", "false"},
		{"yugabyte", readAny, "repeatable read", "repeatable-read", "false"},
		{"yugabyte", readAny, "serializable", "linearizable", "true"},
		{"alloydb", readPrimary, "read committed", "linearizable", "true"},
		{"citus", readPrimary, "repeatable read", "snapshot-isolation", "false"},
		{"postgres", readPrimary, "read committed", "linearizable", "nothing"},
	} {
		cfg, err := target.Resolve(targets.Config{ReadLevel: c.read, Options: map[string]string{external.OptDialect: c.dialect, optIsolation: c.isolation}})
		must(t, err)
		promised, said := target.(targets.Promiser).Promises(cfg, nil)[c.model]
		got := "nothing"
		if said {
			got = fmt.Sprint(promised)
		}
		if got != c.want {
			t.Errorf("%s at %s, %s: %s is promised: %s, want %s", c.dialect, c.read, c.isolation, c.model, got, c.want)
		}
	}
}
