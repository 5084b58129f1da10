package text

import (
	"fmt"
	"io"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/internal/share"
	"github.com/lapse-test/lapse/results/figures"
)

// PrintFigures prints the figures of a case in one line, and its shards in one
// each.
func PrintFigures(w io.Writer, s Style, f *figures.Case) {
	w = s.Fit(w)
	text := fmt.Sprintf("%.0f ok/s, read p99 %s, write p99 %s, availability %s", f.OKPerSecond, latency(f.ReadP99), latency(f.WriteP99), share.Text(f.Availability, share.Figure))
	if f.Inside.Ops > 0 {
		text += fmt.Sprintf(" (in faults: read p99 %s, write p99 %s, availability %s), recovered within %s of healing", latency(f.Inside.ReadP99), latency(f.Inside.WriteP99), share.Text(f.Inside.Availability, share.Figure), duration.Seconds(f.Recovery))
	}
	if f.Aborts > 0 {
		text += ", aborts " + share.Text(f.Aborts, share.Figure)
	}
	outage := duration.Seconds(f.Outages.Longest.Any)
	text += ", longest outage " + outage
	if w := duration.Seconds(f.Outages.Longest.Writes); f.Outages.Longest.Writes > f.Outages.Longest.Any && w != outage {
		text += fmt.Sprintf(" (of writes %s)", w)
	}
	if s, ok := f.Outages.FailoverTime(); ok {
		text += ", failover in " + duration.Seconds(s)
	}
	if f.StalenessMeasured {
		text += fmt.Sprintf(", reads at most %s behind", duration.Seconds(f.Staleness))
	}
	if f.LagMeasured {
		text += fmt.Sprintf(", replicas at most %s", duration.Seconds(f.Lag))
	}
	fmt.Fprintf(w, "    %s\n", s.Dim(text))
	PrintShards(w, f.Shards)
	PrintMeasures(w, f.Measures)
}

// PrintMeasures prints what the target's system has counted, one a line.
func PrintMeasures(w io.Writer, measures []history.Measure) {
	for _, m := range measures {
		fmt.Fprintf(w, "    %s\n", m.Text)
	}
}

// latency is a percentile in milliseconds, which is 0 where nothing succeeded.
func latency(ms float64) string {
	if ms == 0 {
		return "– (none succeeded)"
	}
	return duration.Millis(ms)
}

// PrintShards prints the partitions, one a line.
func PrintShards(w io.Writer, shards []figures.Shard) {
	for _, s := range shards {
		fmt.Fprintf(w, "    shard %-4s %5d keys  %7s of the load  %7.1f ok/s  read p50 %s, p99 %s; write p50 %s, p99 %s\n",
			s.Node, s.Keys, share.Text(s.Share, share.Figure), s.OKPerSecond, latency(s.ReadP50), latency(s.ReadP99), latency(s.WriteP50), latency(s.WriteP99))
	}
}
