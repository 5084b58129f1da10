package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// phase is the progress of an operation at the time of an error.
type phase int

const (
	// connecting: nothing of the operation has been sent.
	connecting phase = iota
	// reading: the operation writes nothing.
	reading
	// beforeCommit: a transaction of several statements, and COMMIT has not been
	// sent; the server rolls it back.
	beforeCommit
	// committing: COMMIT, or a writing statement that commits by itself, was
	// handed to the connection.
	committing
)

// errNotReplicated: the server said that it no longer waits for the standbys. The
// commit is done on the primary and, for all that is known, nowhere else.
var errNotReplicated = errors.New("committed on the primary, not acknowledged by standbys (wait for synchronous replication canceled)")

// classify says whether an operation that met err in phase p is certain to have
// no effect (fail) or may have one (info). sent says whether any byte left for
// the server since the phase began.
//
// In phase committing it is fail only when nothing was sent or the server itself
// reported, with severity ERROR and a code that is raised before the commit
// record is written, that the transaction is aborted. All else is info: a FATAL
// or PANIC, a lost connection and a deadline tell nothing about the commit.
func classify(p phase, sent bool, err error) history.Outcome {
	return errorTable.Judge(outcome.Operation{Writes: p == committing, Sent: sent}, err).Outcome
}

// errorTable judges what the server and the driver say.
var errorTable = append(outcome.Table{
	{Name: "committed on the primary, not acknowledged by standbys (wait for synchronous replication canceled)", Match: outcome.Is(errNotReplicated), Outcome: history.Info, Answered: true},
	outcome.Refused(),
	{Match: outcome.As(func(e *pgconn.PgError) bool { return severity(e) == "ERROR" && abortsBeforeCommit(e.Code) }), Outcome: history.Fail, Answered: true, Text: serverText},
	{Match: outcome.As(func(e *pgconn.PgError) bool { return severity(e) == "ERROR" }), Outcome: history.Info, Answered: true, Text: serverText},
	// After a FATAL or a PANIC the server closes the connection.
	{Match: outcome.As(func(*pgconn.PgError) bool { return true }), Outcome: history.Info, Text: serverText},
	{Name: errNotReplayed.Error(), Match: outcome.Is(errNotReplayed), Outcome: history.Info, Answered: true},
	{Name: "deadline exceeded", Match: pgconn.Timeout, Outcome: history.Info},
	{Name: "connection closed", Match: outcome.Is(pgconn.ErrConnClosed), Outcome: history.Info},
}, outcome.Network()...)

// serverText is a code and the first line of what the server said.
func serverText(err error) string {
	var pg *pgconn.PgError
	errors.As(err, &pg)
	return fmt.Sprintf("%s %s %s", severity(pg), pg.Code, firstLine(pg.Message))
}

// severity is the severity in English, whatever the server's language.
func severity(e *pgconn.PgError) string {
	if e.SeverityUnlocalized != "" {
		return e.SeverityUnlocalized
	}
	return e.Severity
}

// abortsBeforeCommit says whether an ERROR with this SQLSTATE is raised only
// while the transaction can still be rolled back. Codes that could be raised
// after the commit record was written, such as 57014 (a cancel request that
// comes late), are not among them.
func abortsBeforeCommit(code string) bool {
	switch code {
	case "40001", // serialization_failure
		"40P01", // deadlock_detected
		"40002", // transaction_integrity_constraint_violation
		"40000", // transaction_rollback
		"55P03", // lock_not_available
		"53100", // disk_full
		"53200", // out_of_memory
		"53300", // too_many_connections
		"53400", // configuration_limit_exceeded
		"57P03": // cannot_connect_now
		return true
	}
	switch class(code) {
	case "0A", // feature_not_supported
		"22", // data exception
		"23", // integrity constraint violation
		"25", // invalid transaction state: 25006 read_only_sql_transaction, 25P02 in_failed_sql_transaction
		"26", // invalid statement name
		"28", // invalid authorization
		"3D", // invalid catalog name
		"3F", // invalid schema name
		"42", // syntax error or access rule violation
		"44", // with check option violation
		"54", // program limit exceeded
		"55": // object not in prerequisite state
		return true
	}
	return false
}

func class(code string) string {
	if len(code) < 2 {
		return code
	}
	return code[:2]
}

// served is the note of a failed operation that the server refused for what it read,
// empty for any other: a failure of class 40 (serialization, deadlock), a lock that was
// not to be had, a condition that did not hold.
func served(err error) string {
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && severity(pg) == "ERROR" && (class(pg.Code) == "40" || pg.Code == "55P03"):
		return history.NoteAborted
	case errors.Is(err, outcome.ErrInsufficient), errors.Is(err, outcome.ErrNoAccount):
		return history.NoteRefused
	}
	return ""
}

var (
	errNotPrimary = &outcome.Refusal{Text: "the node is not the primary"}
	errRolledBack = &outcome.Refusal{Text: "the server answered COMMIT with ROLLBACK"}
)

// opError is an error for the history, with a text from a small set: no
// addresses, no numbers of this one operation.
type opError struct {
	text string
	err  error
}

func (e *opError) Error() string { return e.text }
func (e *opError) Unwrap() error { return e.err }

// describeError says what happened in a text that is the same for every operation
// that it happened to.
func describeError(doing string, err error) error {
	if err == nil {
		return nil
	}
	return &opError{doing + ": " + errorTable.Explain(err).Error(), err}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
