package text

import (
	"fmt"
	"io"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/figures"
)

// PrintFigures prints the figures of a case in one line, and its shards in one
// each.
func PrintFigures(w io.Writer, s Style, f *figures.Case) {
	text := fmt.Sprintf("%.0f ok/s, read p99 %.1f ms, write p99 %.1f ms, availability %.1f %%", f.OKPerSecond, f.ReadP99, f.WriteP99, f.Availability*100)
	if f.Inside.Ops > 0 {
		text += fmt.Sprintf(" (in faults: %.1f ms, %.1f ms, %.1f %%), recovered within %.2f s", f.Inside.ReadP99, f.Inside.WriteP99, f.Inside.Availability*100, f.Recovery)
	}
	if f.Aborts > 0 {
		text += fmt.Sprintf(", aborts %.1f %%", f.Aborts*100)
	}
	text += ", longest outage " + duration.Seconds(f.Outages.Longest.Any)
	if w := f.Outages.Longest.Writes; w > f.Outages.Longest.Any {
		text += fmt.Sprintf(" (of writes %s)", duration.Seconds(w))
	}
	if s, ok := f.Outages.FailoverTime(); ok {
		text += ", failover in " + duration.Seconds(s)
	}
	if f.StalenessMeasured {
		text += fmt.Sprintf(", reads at most %.2f s behind", f.Staleness)
	}
	if f.LagMeasured {
		text += fmt.Sprintf(", replicas at most %.1f s", f.Lag)
	}
	fmt.Fprintf(w, "    %s\n", s.Dim(text))
	PrintShards(w, f.Shards)
}

// PrintShards prints the partitions, one a line.
func PrintShards(w io.Writer, shards []figures.Shard) {
	for _, s := range shards {
		fmt.Fprintf(w, "    shard %-4s %5d keys  %5.1f%% of the load  %7.1f ok/s  read p50/p99 %.1f/%.1f ms  write p50/p99 %.1f/%.1f ms\n",
			s.Node, s.Keys, s.Share*100, s.OKPerSecond, s.ReadP50, s.ReadP99, s.WriteP50, s.WriteP99)
	}
}
