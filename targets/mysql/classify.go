package mysql

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	sdk "github.com/go-sql-driver/mysql"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// Error numbers that are spoken of elsewhere.
const (
	erDeadlock     = 1213
	erCheckRead    = 1020
	erLockWait     = 1205
	erDuringCommit = 1180
	erNotPrepared  = 1047

	erDatabaseExists = 1007
)

// words explain the numbers, in a few words of the server's own (MariaDB
// documentation, "Error codes"). Messages are not told: they have values, addresses and
// names in them.
var words = map[int]string{
	erDeadlock: "deadlock found or certification failed", erCheckRead: "record has changed since last read", erLockWait: "lock wait timeout exceeded",
	erDuringCommit: "error during COMMIT", erNotPrepared: "WSREP has not yet prepared node for application use",
	1290: "running with --read-only", 1792: "read-only transaction", 1836: "running in read-only mode",
	1040: "too many connections", 1203: "too many connections of the user", 1206: "too many locks",
	1044: "access denied for the database", 1045: "access denied", 1048: "column cannot be null", 1049: "unknown database",
	1054: "unknown column", 1062: "duplicate entry", 1064: "syntax error", 1142: "command denied", 1146: "no such table",
	1264: "out of range", 1406: "data too long", 1927: "connection was killed", 1053: "server shutdown in progress", 1317: "query execution was interrupted",
}

// certain are the errors that the server answers instead of carrying the statement, or
// COMMIT, out. After 1213 and 1020 it has rolled the whole transaction back.
var certain = []int{
	erDeadlock, erCheckRead, erNotPrepared,
	1290, 1792, 1836, 1040, 1203, 1044, 1045, 1048, 1049, 1054, 1062, 1064, 1142, 1146, 1264, 1406,
}

// unwaited are errors of a statement that did not get what it waited for and was rolled
// back alone. COMMIT waits for no lock, so that of it they say nothing.
var unwaited = []int{erLockWait, 1206}

// ending are errors after which the server closes the connection.
var ending = []int{1927, 1053}

// commitError is an error that COMMIT was answered with.
type commitError struct{ err error }

func (e *commitError) Error() string { return "COMMIT: " + e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }

// errorTable judges what the server and the driver say. A number that it does not name,
// and 1180, whose commit may have been replicated already, is info.
var errorTable = append(outcome.Table{
	outcome.Refused(),
	{Match: numbered(certain...), Outcome: history.Fail, Answered: true, Text: serverText},
	{Match: func(err error) bool { return numbered(unwaited...)(err) && !committed(err) }, Outcome: history.Fail, Answered: true, Text: serverText},
	{Match: numbered(erDuringCommit), Outcome: history.Info, Answered: true, Text: serverText},
	{Match: numbered(ending...), Outcome: history.Info, Text: serverText},
	{Match: outcome.As(func(*sdk.MySQLError) bool { return true }), Outcome: history.Info, Answered: true, Text: serverText},
	{Name: "connection lost", Match: outcome.Is(sdk.ErrInvalidConn, driver.ErrBadConn), Outcome: history.Info},
}, outcome.Network()...)

// numbered matches an answer of the server's with one of these numbers.
func numbered(numbers ...int) func(error) bool {
	return func(err error) bool { return slices.Contains(numbers, number(err)) }
}

// number is that of an answer of the server's, 0 for any other error.
func number(err error) int {
	var e *sdk.MySQLError
	if !errors.As(err, &e) {
		return 0
	}
	return int(e.Number)
}

func committed(err error) bool {
	var e *commitError
	return errors.As(err, &e)
}

func serverText(err error) string {
	n := number(err)
	if w := words[n]; w != "" {
		return fmt.Sprintf("error %d: %s", n, w)
	}
	return fmt.Sprintf("error %d", n)
}

// served is the note of a failed operation that the server refused for what it read,
// empty for any other: concurrency control, or a condition that did not hold.
func served(err error) string {
	switch {
	case numbered(erDeadlock, erCheckRead, erLockWait)(err):
		return history.NoteAborted
	case errors.Is(err, outcome.ErrInsufficient), errors.Is(err, outcome.ErrNoAccount):
		return history.NoteRefused
	}
	return ""
}

var (
	errNotApplied = &outcome.Refusal{Text: "the replica has not applied the session's last write within the deadline"}
)
