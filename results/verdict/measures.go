package verdict

import (
	"context"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/set"
	"github.com/lapse-test/lapse/checkers/staleness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/pure"
)

// measure takes the measures that are beside the verdicts, none after an interrupt.
func (a *Assessment) measure(ctx context.Context, h *history.History, b checkers.Budget) {
	type measures struct {
		stale    *staleness.Report
		elements *set.Report
	}
	m, err := pure.Until(ctx, "measuring", func() (measures, error) {
		return measures{measureStaleness(ctx, h, b), measureElements(ctx, h, b)}, nil
	})
	if err == nil {
		a.Staleness, a.Elements = m.stale, m.elements
	}
}

// measureStaleness measures a history of plain register operations, nil for any
// other and where no read could have been stale. Keys for which the budget's time
// does not suffice are counted in the report.
func measureStaleness(ctx context.Context, h *history.History, b checkers.Budget) *staleness.Report {
	ctx, cancel := context.WithTimeout(ctx, b.WithDefaults().Time)
	defer cancel()
	r, err := staleness.Measure(ctx, h)
	if err != nil || r.All.Reads == 0 {
		return nil // transactions and data types have no stale reads, but anomalies
	}
	return &r
}

// measureElements tells how the elements of sets fared, nil for a history without
// sets and where the time did not suffice.
func measureElements(ctx context.Context, h *history.History, b checkers.Budget) *set.Report {
	r, err := set.Outcomes(ctx, h, b)
	if err != nil || r.Attempted == 0 {
		return nil
	}
	return &r
}
