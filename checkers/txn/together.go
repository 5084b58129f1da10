package txn

import (
	"context"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

var _ checkers.Together = (*Checker)(nil)

// Family implements checkers.Together.
func (*Checker) Family() string { return "isolation" }

// CheckTogether implements checkers.Together.
func (*Checker) CheckTogether(ctx context.Context, h *history.History, b checkers.Budget, models []string) ([]checkers.Verdict, error) {
	return CheckAll(ctx, h, b, models...)
}
