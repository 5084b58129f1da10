package witness

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// ErrNotProven says that a witness was checked again and proves nothing: a mistake
// in the checker that made it.
var ErrNotProven = errors.New("the witness does not prove the violation when checked by itself")

// Verify checks a violation of h again, by the refuter of its model.
//
// by says how. It is empty, without an error, where the refuter does not reach, and where
// the model has none: the finding is then not verified by other means. The error is
// ErrNotProven.
func Verify(ctx context.Context, h *history.History, model checkers.Model, v *checkers.Violation) (by string, err error) {
	if len(v.Ops) == 0 || slices.Min(v.Ops) < 0 || slices.Max(v.Ops) >= len(h.Ops) {
		return "", fmt.Errorf("%s: %s: it names operations that the history does not have: %w", v.Model, v.Anomaly, ErrNotProven)
	}
	if model.Refute == nil {
		return "", nil
	}
	by, proven := model.Refute(ctx, h, v)
	if by == "" {
		return "", nil
	}
	if !proven {
		return "", fmt.Errorf("%s: %s: operations %v: %w", v.Model, v.Anomaly, v.Ops, ErrNotProven)
	}
	return by, nil
}
