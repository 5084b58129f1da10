package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/text"
)

// aborted is the share of operations that were aborted.
func aborted(p figures.Phase) string {
	if p.Aborted == 0 {
		return dash
	}
	return percent(p.AbortRatio())
}

// partOf is a share of a part of the load, of which there is none without an operation.
func partOf(p figures.Phase, of float64) string {
	if p.Ops == 0 {
		return dash
	}
	return percent(of)
}

// rate is what happened a second, in a column whose numbers have one form.
func rate(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return text.Count(int(math.Round(v)))
}

func millis(ms float64) string {
	if ms == 0 {
		return dash
	}
	return duration.Millis(ms)
}

func secondsOrDash(s float64) string {
	if s == 0 {
		return dash
	}
	return duration.Seconds(s)
}

func icon(s checkers.Status) string {
	switch s {
	case checkers.Violated:
		return "✗"
	case checkers.Held:
		return "✓"
	}
	return "?"
}

// classIcon is the icon of a run in a suite's table.
func classIcon(class string) string {
	if class == "none" {
		return dash
	}
	return icon(checkers.Status(class))
}

func verdictWord(c claim) string {
	if c.Class == classAllowed {
		return string(c.Status) + ", allowed"
	}
	return string(c.Status)
}

// decidedBy is the algorithm behind a verdict, where it is known, and the evidence.
func decidedBy(c claim) string {
	if c.Algorithm == "" {
		return evidenceLine(c.Evidence)
	}
	return c.Algorithm + " · " + evidenceLine(c.Evidence)
}

// evidenceLine counts what stands behind a verdict.
func evidenceLine(e checkers.Evidence) string {
	line := fmt.Sprintf("%s ok, %s fail, %s info · %s, %s", text.Count(e.OK), text.Count(e.Fail), text.Count(e.Info), text.Plural(e.Reads, "read"), text.Plural(e.Writes, "write"))
	if e.DuringFaults > 0 {
		line += " · " + text.Count(e.DuringFaults) + " in or after faults"
	}
	return line
}

// behind returns the quantiles of a row's staleness, dashes if no read was stale.
func (r *staleRow) behind() []string {
	if r.N == 0 {
		return []string{dash, dash, dash, dash, dash}
	}
	return []string{fmt.Sprint(r.VersionsP50), fmt.Sprint(r.VersionsMax), r.TimeP50, r.TimeP99, r.TimeMax}
}

// where is the kind of a fault with its nodes and links.
func (r *faultRow) where() string {
	return strings.Join(append(append([]string{r.Kind}, r.Nodes...), r.Cuts...), " · ")
}

// meaning says what a group of findings is.
func (g *findings) meaning() string {
	if g.Blocks {
		return g.Text + "; this blocks"
	}
	return g.Text
}

// reasonOf is a reason as it follows what it is for, empty if there is none.
func reasonOf(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// flags splits a command before each of its flags, so that what belongs to a flag
// stays with it.
func flags(command string) []string {
	parts := strings.Split(command, " --")
	for i := range parts[1:] {
		parts[i+1] = "--" + parts[i+1]
	}
	return parts
}
