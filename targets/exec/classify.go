package exec

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/outcome"
)

// brokenError: the program did not keep to the protocol. text is for the history, one
// of few; detail is for people.
type brokenError struct{ text, detail string }

func (e *brokenError) Error() string {
	if e.detail == "" {
		return e.text
	}
	return e.text + ": " + e.detail
}

func broken(text, detail string) error { return &brokenError{text, detail} }

// endedError: the program has ended, or closed its output.
type endedError struct{ how string }

func (e *endedError) Error() string { return "the program has ended (" + e.how + ")" }

// saidError is what the program says of an operation itself.
type saidError struct {
	outcome history.Outcome
	text    string
	// aborted: the database served the operation, and others or what is there were in the way.
	aborted bool
}

func (e *saidError) Error() string { return e.text }

// errorTable judges all that can come instead of an ok.
var errorTable = append(outcome.Table{
	{Match: said(history.Fail), Outcome: history.Fail, Answered: true, Text: saying},
	{Match: said(history.Info), Outcome: history.Info, Answered: true, Text: saying},
	{Match: outcome.As(func(*brokenError) bool { return true }), Outcome: history.Info, Text: func(err error) string {
		var b *brokenError
		errors.As(err, &b)
		return b.text
	}},
	{Name: "the program has ended", Match: outcome.As(func(*endedError) bool { return true }), Outcome: history.Info},
	{Name: "the program does not read", Match: outcome.Is(os.ErrDeadlineExceeded), Outcome: history.Info},
}, outcome.Network()...)

func said(o history.Outcome) func(error) bool {
	return outcome.As(func(e *saidError) bool { return e.outcome == o })
}

// served is the note of an operation of which the program says that it was aborted.
func served(err error) string {
	var s *saidError
	if errors.As(err, &s) && s.aborted {
		return history.NoteAborted
	}
	return ""
}

func saying(err error) string {
	var s *saidError
	errors.As(err, &s)
	return s.text
}

// texts keeps what programs say as errors to a number that a history can hold, and
// without secrets.
type texts struct {
	mu   sync.Mutex
	seen map[string]bool
}

const (
	shownMost = 200
	textsMost = 100
)

// of is a text of the program as the history has it.
func (t *texts) of(text string) string {
	text = tidy(text)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seen = map[string]bool{}
	}
	if !t.seen[text] && len(t.seen) >= textsMost {
		return fmt.Sprintf("another error (more than %d different ones)", textsMost)
	}
	t.seen[text] = true
	return text
}

// tidy is text without secrets, and not too long.
func tidy(text string) string {
	text = external.Redact(text)
	if len(text) > shownMost {
		text = strings.ToValidUTF8(text[:shownMost], "") + " ..."
	}
	return text
}
