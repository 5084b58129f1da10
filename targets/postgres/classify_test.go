package postgres

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/outcome/outcometest"
)

// TestErrorTable has a case for each row of the table of errors.
func TestErrorTable(t *testing.T) {
	const fail, info = history.Fail, history.Info
	server := func(severity, code string) error {
		return &pgconn.PgError{Severity: "FEHLER", SeverityUnlocalized: severity, Code: code, Message: "no\nmore"}
	}
	c := outcometest.New(t, errorTable)
	c.Is("the wait for standbys is given up", errNotReplicated, info, outcometest.Kept, errNotReplicated.Error())
	c.Is("a condition that is false", outcome.ErrMismatch, fail, outcometest.Kept, "")
	c.Is("what the server takes back", server("ERROR", "40001"), fail, outcometest.Kept, "ERROR 40001 no")
	c.Is("what it may have committed", server("ERROR", "57014"), info, outcometest.Kept, "ERROR 57014 no")
	c.Is("what ends the connection, whatever the code", server("FATAL", "40001"), info, outcometest.Broken, "FATAL 40001 no")
	c.Is("a standby that is behind the session", errNotReplayed, info, outcometest.Kept, errNotReplayed.Error())
	c.Is("the driver's own deadline", timeout(t), info, outcometest.Broken, "deadline exceeded")
	c.Is("a connection that the driver closed", pgconn.ErrConnClosed, info, outcometest.Broken, "connection closed")
}

// timeout is how the driver says that the time of ctx is over.
func timeout(t *testing.T) error {
	t.Helper()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err = pgconn.Connect(ctx, "postgres://me@"+silent.Addr().String()+"/x?sslmode=disable")
	if !pgconn.Timeout(err) {
		t.Fatalf("it is no timeout: %v", err)
	}
	return err
}

// TestAbortedCodes has each SQLSTATE and each class of which the server says that the
// transaction is aborted, and what stands beside them and says no such thing.
func TestAbortedCodes(t *testing.T) {
	for codes, want := range map[string]bool{
		"40001 40P01 40002 40000 55P03 53100 53200 53300 53400 57P03":                            true,
		"0A000 22003 23505 25006 25P02 26000 28000 3D000 3F000 42P01 44000 54000 55000":          true,
		"40003 53000 57000 57014 57P01 57P02 57P04 57P05 58030 08000 08006 08P01 XX000 F0000 2D": false,
		"P0001 38000 39000 40 5": false,
	} {
		for code := range strings.FieldsSeq(codes) {
			if got := abortsBeforeCommit(code); got != want {
				t.Errorf("%s aborts before the commit: %t, want %t", code, got, want)
			}
		}
	}
}
