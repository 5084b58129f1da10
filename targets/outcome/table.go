// Package outcome says what an error means for an operation: that it certainly had
// no effect (fail), or that it may have one, now or later (info). A wrong fail is a
// false alarm, because the value of an operation that "cannot have happened" is then
// read; a wrong info is a missed violation. Each target has a Table, one row an error
// as the database's documentation lists them, and a test with a case for every row
// (package outcometest).
package outcome

import (
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// Operation is what matters of an operation that met an error.
type Operation struct {
	// Writes says that it could change something. A read has no effect in any case.
	Writes bool
	// Sent says that a byte of its request was handed to the kernel (wire.Dialer).
	// What never left has no effect.
	Sent bool
}

// Row is one kind of error.
type Row struct {
	// Name is what the history says of the error: the same text for every operation
	// that met it, without addresses and numbers of one operation, because texts are
	// interned. Empty means that Text says it.
	Name string
	// Match says whether err is of this kind. Rows are tried in order.
	Match func(err error) bool
	// Outcome is what a write that was sent has: history.Fail only where the database
	// documents that it answers so instead of doing anything, else history.Info.
	Outcome history.Outcome
	// Answered says that the database itself answered, so that the connection is of
	// further use. After a deadline it is not: the answer may still come, and nobody
	// waits for it.
	Answered bool
	// Text makes the text where the kind has several, such as a code and a message
	// of the database; used if Name is empty. Its texts must come from a small set.
	Text func(err error) string
}

// Table is the rows of a target, the most particular first. A target's own rows come
// before those of the network: append(Table{...}, Network()...).
type Table []Row

// Judgement is what an error means.
type Judgement struct {
	// Row is the index of the row that matched, -1 if none did.
	Row int
	// Outcome is fail or info.
	Outcome history.Outcome
	// Err has the text for the history and wraps the error itself; see Error.
	Err error
	// Broken says that the connection is of no further use.
	Broken bool
}

// Unknown is the text for an error that no row matches. Such an error is info for a
// write that was sent, and ends the connection.
const Unknown = "connection failed"

// Judge says what err, which is not nil, means for op. It is a pure function.
func (t Table) Judge(op Operation, err error) Judgement {
	j := Judgement{Row: -1, Outcome: history.Info, Broken: true}
	text := Unknown
	for i, r := range t {
		if !r.Match(err) {
			continue
		}
		j.Row, j.Outcome, j.Broken, text = i, r.Outcome, !r.Answered, r.Name
		if text == "" && r.Text != nil {
			text = r.Text(err)
		}
		break
	}
	if !op.Writes || !op.Sent {
		j.Outcome = history.Fail
	}
	j.Err = &Error{text, err}
	return j
}

// Result is how an operation ended by the node with this index, which met err; nil is ok.
func (t Table) Result(node int, op Operation, err error) targets.Result {
	if err == nil {
		return targets.Result{Outcome: history.OK, Node: node}
	}
	j := t.Judge(op, err)
	return targets.Result{Outcome: j.Outcome, Err: j.Err, Node: node, Broken: j.Broken}
}

// Explain is the text for err, as an error that wraps it; nil for nil.
func (t Table) Explain(err error) error {
	if err == nil {
		return nil
	}
	return t.Judge(Operation{}, err).Err
}

// Undone says whether a statement that writes, was sent and met err certainly did nothing.
func (t Table) Undone(err error) bool {
	return err != nil && t.Judge(Operation{Writes: true, Sent: true}, err).Outcome == history.Fail
}

// Error is an error of an operation with its text for the history.
type Error struct {
	text string
	err  error
}

// Error is the text.
func (e *Error) Error() string { return e.text }

// Unwrap is what really happened.
func (e *Error) Unwrap() error { return e.err }

// Refusal is an answer that is no error to the database: the operation was carried out and its condition did not hold, or
// it was never sent. Texts come from a small set, as a Row's.
type Refusal struct{ Text string }

// Refuse is a Refusal with such a text.
func Refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// Error is the text.
func (r *Refusal) Error() string { return r.Text }

// Refused is the row for refusals.
func Refused() Row {
	return Row{Match: as[*Refusal], Outcome: history.Fail, Answered: true, Text: func(err error) string {
		var r *Refusal
		errors.As(err, &r)
		return r.Text
	}}
}

// The refusals that databases of SQL have in common.
var (
	ErrMismatch     = &Refusal{"the value is not the expected one"}
	ErrInsufficient = &Refusal{"the account is missing or has too little"}
	ErrNoAccount    = &Refusal{"there is no such account to transfer to"}
)
