package text

import (
	"fmt"
	"io"

	"github.com/lapse-test/lapse/checkers/set"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
)

// printElements says in a line or two what became of the elements, and how long
// it took until they were seen for good, or were lost.
func printElements(w io.Writer, s Style, r *set.Report) {
	fmt.Fprintf(w, "  %-20s %s of %s acknowledged: %s stable, %s lost, %s never read\n", "elements",
		Count(r.Acknowledged), Count(r.Attempted), Count(r.Stable), Count(r.Lost), Count(r.NeverRead))
	if r.Stale > 0 {
		missed := Count(r.Stale) + " " + count.Were(r.Stale) + " missed by reads after being known"
		if !r.Untimed {
			missed += ", until " + latencyText(&r.StableLatency)
		}
		fmt.Fprintf(w, "  %-20s %s\n", "", s.Dim(missed))
	}
	if r.Lost > 0 && !r.Untimed {
		fmt.Fprintf(w, "  %-20s %s\n", "", s.Dim("lost ones were last seen "+latencyText(&r.LostLatency)))
	}
}

func latencyText(l *set.Latency) string {
	return fmt.Sprintf("p50 %s, p99 %s, at most %s later",
		short(history.Time(l.P50)), short(history.Time(l.P99)), short(history.Time(l.P100)))
}
