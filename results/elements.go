package results

import (
	"context"
	"fmt"
	"io"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/set"
	"github.com/lapse-test/lapse/history"
)

// measureElements tells how the elements of sets fared, nil for a history without
// sets and where the time did not suffice.
func measureElements(ctx context.Context, h *history.History, b checkers.Budget) *set.Report {
	r, err := set.Outcomes(ctx, h, b)
	if err != nil || r.Attempted == 0 {
		return nil
	}
	return &r
}

// printElements says in a line or two what became of the elements, and how long
// it took until they were seen for good, or were lost.
func printElements(w io.Writer, s Style, r *set.Report) {
	fmt.Fprintf(w, "  %-20s %s of %s acknowledged: %s stable, %s lost, %s never read\n", "elements",
		Group(r.Acknowledged), Group(r.Attempted), Group(r.Stable), Group(r.Lost), Group(r.NeverRead))
	if r.Stale > 0 {
		fmt.Fprintf(w, "  %-20s %s\n", "", s.Dim(fmt.Sprintf("%s were missed by reads after they were known, until %s", Group(r.Stale), latencyText(&r.StableLatency))))
	}
	if r.Lost > 0 {
		fmt.Fprintf(w, "  %-20s %s\n", "", s.Dim("lost ones were last seen "+latencyText(&r.LostLatency)))
	}
}

func latencyText(l *set.Latency) string {
	return fmt.Sprintf("p50 %s, p99 %s, at most %s later",
		short(history.Time(l.P50)), short(history.Time(l.P99)), short(history.Time(l.P100)))
}
