package coordinator

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// codeOf chooses between the ways of not having heard from enough replicas.
func codeOf(ctx context.Context, timedOut bool) engine.Code {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return engine.CodeCanceled
	case ctx.Err() != nil || timedOut:
		return engine.CodeTimeout
	}
	return engine.CodeUnavailable
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

// failedIn counts those of a group that failed.
func (t *tally) failedIn(group []string) int {
	n := 0
	for _, node := range group {
		if _, failed := t.failed[node]; failed {
			n++
		}
	}
	return n
}

// silent notes the nodes of which nothing was heard.
func (t *tally) silent(nodes []string) {
	for _, n := range nodes {
		if _, failed := t.failed[n]; !failed && !slices.Contains(t.answered, n) {
			t.fail(n, context.DeadlineExceeded)
		}
	}
}

func (t *tally) error(ctx context.Context, message string, needed int, outcome engine.Outcome) *engine.Error {
	return &engine.Error{Code: codeOf(ctx, t.timedOut), Outcome: outcome, Message: message, Needed: needed,
		Answered: slices.Clone(t.answered), Failed: maps.Clone(t.failed)}
}
