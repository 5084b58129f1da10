package coordinator

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// Code says for machines what went wrong.
type Code string

// The codes of errors.
const (
	CodeBadLevel    Code = "bad_level"   // the level cannot be served with this replication
	CodeUnavailable Code = "unavailable" // too few replicas could be reached, or too many failed
	CodeTimeout     Code = "timeout"     // too few replicas answered in time
	CodeCanceled    Code = "canceled"    // the client went away
)

// Outcome says of a failed write whether any replica may hold it, now or later.
type Outcome string

// The outcomes of a failed write.
const (
	NotWritten     Outcome = "not_written"     // no replica has it or will ever have it
	PerhapsWritten Outcome = "perhaps_written" // some may, and readers may see it at any later time
)

// Error is what every failed request returns.
type Error struct {
	Code     Code
	Outcome  Outcome // of a write; empty for a read
	Message  string
	Needed   int               // how many replicas had to take part
	Answered []string          // which did
	Failed   map[string]string // which did not, and why
}

func (e *Error) Error() string { return e.Message }

// codeOf chooses between the ways of not having heard from enough replicas.
func codeOf(ctx context.Context, timedOut bool) Code {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return CodeCanceled
	case ctx.Err() != nil || timedOut:
		return CodeTimeout
	}
	return CodeUnavailable
}

// tally collects what the replicas of one request said.
type tally struct {
	answered []string
	failed   map[string]string
	timedOut bool
}

func (t *tally) fail(node string, err error) {
	if t.failed == nil {
		t.failed = make(map[string]string)
	}
	t.failed[node] = err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		t.timedOut = true
		t.failed[node] = "no answer in time"
	}
}

// silent notes the nodes of which nothing was heard.
func (t *tally) silent(nodes []string) {
	for _, n := range nodes {
		if _, failed := t.failed[n]; !failed && !slices.Contains(t.answered, n) {
			t.fail(n, context.DeadlineExceeded)
		}
	}
}

func (t *tally) error(ctx context.Context, message string, needed int, outcome Outcome) *Error {
	return &Error{Code: codeOf(ctx, t.timedOut), Outcome: outcome, Message: message, Needed: needed,
		Answered: slices.Clone(t.answered), Failed: maps.Clone(t.failed)}
}
