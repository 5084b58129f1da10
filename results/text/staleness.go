package text

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers/staleness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
)

// printStaleness says in a line or two how stale reads were.
func printStaleness(w io.Writer, s Style, r *staleness.Report) {
	fmt.Fprintf(w, "  %-20s %s\n", "stale reads", shareText(r.All.Stale))
	if r.All.Stale.N > 0 {
		behind := behindText(r, &r.All)
		if !r.Untimed {
			behind += "; " + deltaText(r)
		}
		fmt.Fprintf(w, "  %-20s %s\n", "", s.Dim(behind))
	}
}

// PrintStaleness prints all that was measured: how far behind stale reads were,
// and how likely a read misses a write by the time since its acknowledgement, in
// all and for each pair of levels inside and outside fault windows.
func PrintStaleness(w io.Writer, s Style, r *staleness.Report) {
	w = s.Fit(w)
	fmt.Fprintln(w, s.Bold("staleness")+" of reads after an acknowledged write of their key (lower bounds: concurrent writes never count)")
	printGroup(w, "all reads", r, &r.All)
	if !r.Untimed {
		fmt.Fprintf(w, "  %-28s%s\n", "", deltaText(r))
	}
	for i := range r.Groups {
		g := &r.Groups[i]
		printGroup(w, groupName(g), r, g)
	}
}

func groupName(g *staleness.Group) string {
	var parts []string
	if g.WriteLevel != "" {
		parts = append(parts, "W="+g.WriteLevel)
	}
	if g.ReadLevel != "" {
		parts = append(parts, "R="+g.ReadLevel)
	}
	return strings.Join(append(parts, g.Fault+" faults"), " ")
}

func printGroup(w io.Writer, name string, r *staleness.Report, g *staleness.Group) {
	fmt.Fprintf(w, "  %-28s%s\n", name, shareText(g.Stale))
	if g.Stale.N == 0 {
		return
	}
	fmt.Fprintf(w, "  %-28s%s\n", "", behindText(r, g))
	if r.Untimed {
		return
	}
	for _, p := range g.Visibility {
		when := fmt.Sprintf("%s to %s after", short(p.From), short(p.To))
		if p.To == history.Never {
			when = "later than " + short(p.From)
		}
		fmt.Fprintf(w, "  %-28s%-22s missed by %s\n", "", when, shareText(p.Missed))
	}
}

// shareText is a share with its interval.
func shareText(x staleness.Share) string {
	return fmt.Sprintf("%s of %s: %s (95 %% confidence: %s to %s)", Count(x.N), Count(x.Of), percent(x.P), percent(x.Low), percent(x.High))
}

// behindText says how far behind the stale reads of g, of r, were: in versions, and in time where there is one.
func behindText(r *staleness.Report, g *staleness.Group) string {
	versions := fmt.Sprintf("behind by versions p50 %d, p99 %d, max %d", g.Versions.P50, g.Versions.P99, g.Versions.Max)
	if r.Untimed {
		return versions
	}
	return versions + fmt.Sprintf("; by time p50 %s, p99 %s, max %s",
		short(history.Time(g.Time.P50)), short(history.Time(g.Time.P99)), short(history.Time(g.Time.Max)))
}

func deltaText(r *staleness.Report) string {
	t := "delta " + short(r.Delta)
	if r.Unbounded {
		t += ", and none on some keys"
	}
	if r.Unmeasured > 0 {
		t += fmt.Sprintf(" (%s keys not measured)", Count(r.Unmeasured))
	}
	return t
}

// short is a length of time as people read it.
func short(t history.Time) string { return duration.Text(time.Duration(t)) }
