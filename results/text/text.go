// Package text is what lapse prints: operations, violations, verdicts, summaries and
// suites as people read them on a terminal, and the live progress of a run.
package text

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// PrintVerdicts prints one line a model with the evidence behind it.
func PrintVerdicts(w io.Writer, s Style, a *verdict.Assessment) {
	w = s.Fit(w)
	width := 20
	for _, v := range a.Verdicts {
		width = max(width, len(v.Model))
	}
	for _, v := range a.Verdicts {
		fmt.Fprintf(w, "  %-*s %s  %s\n", width, v.Model, pad(s, v.Status), s.Dim(Evidence(v)))
		for _, r := range v.Reasons {
			fmt.Fprintf(w, "  %-20s   because %s\n", "", r)
		}
		if t := a.Promises.Says(v); t != "" {
			fmt.Fprintf(w, "  %-20s   %s\n", "", t)
		}
		if t := verdict.NameNote(v); t != "" {
			fmt.Fprintf(w, "  %-20s   %s\n", "", t)
		}
		printUndecided(w, v)
	}
	printNotChecked(w, a.NotChecked, width)
	printLattice(w, a)
	if a.Staleness != nil {
		printStaleness(w, s, a.Staleness)
	}
	if a.Elements != nil {
		printElements(w, s, a.Elements)
	}
	for _, line := range a.Coverage.Says() {
		if a.Coverage.Short() {
			line = s.Yellow(line)
		}
		fmt.Fprintf(w, "  %s\n", line)
	}
}

// printNotChecked says each reason once, with the models that it holds for.
func printNotChecked(w io.Writer, list []verdict.NotChecked, width int) {
	models := map[string][]string{}
	for _, n := range list {
		models[n.Reason] = append(models[n.Reason], n.Model)
	}
	for _, n := range list {
		names := models[n.Reason]
		switch {
		case len(names) == 1:
			fmt.Fprintf(w, "  %-*s - not checked: %s\n", width, n.Model, n.Reason)
		case names[0] == n.Model:
			fmt.Fprintf(w, "  %s not checked (%s):\n    %s\n", Plural(len(names), "model"), n.Reason, strings.Join(names, ", "))
		}
	}
}

// printLattice says what the verdicts add up to, where that says more than the
// verdicts themselves.
func printLattice(w io.Writer, a *verdict.Assessment) {
	if len(a.Verdicts) < 2 {
		return
	}
	l := &a.Lattice
	for _, line := range []struct {
		what  string
		names []string
	}{
		{"anomalies", l.Anomalies},
		{"refuted", l.Refuted},
		{"implied refuted", l.ImpliedRefuted},
		{"strongest not refuted", l.StrongestNotRefuted},
		{"undecided", l.Undecided},
	} {
		if len(line.names) > 0 {
			fmt.Fprintf(w, "  %s: %s\n", line.what, shortList(line.names))
		}
	}
}

// maxNamesShown bounds a list of models in one line; --json has them all.
const maxNamesShown = 6

func shortList(names []string) string {
	if n := len(names) - maxNamesShown; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamesShown], ", "), n)
	}
	return strings.Join(names, ", ")
}

// pad pads the plain word, not the escape codes around it.
func pad(s Style, st checkers.Status) string {
	return s.Status(st) + strings.Repeat(" ", len(checkers.Inconclusive)-len(st))
}

// maxUndecidedShown bounds the keys listed by name.
const maxUndecidedShown = 5

func printUndecided(w io.Writer, v checkers.Verdict) {
	for i, u := range v.Undecided {
		if i == maxUndecidedShown {
			fmt.Fprintf(w, "  %-20s   and %s more\n", "", Plural(len(v.Undecided)-i, "key"))
			return
		}
		fmt.Fprintf(w, "  %-20s   key %s undecided: %s\n", "", u.Key, u.Reason)
	}
}

// Evidence says in a few words what stands behind v, and how long it took.
func Evidence(v checkers.Verdict) string {
	e := v.Evidence
	took := duration.Text(v.Elapsed)
	risk := count.OfMany(e.AtRisk, cmp.Or(v.Risk, "reads"))
	switch {
	case v.Status == checkers.Violated && v.Follows != "":
		return fmt.Sprintf("it implies %s, which is violated (%s)", v.Follows, took)
	case v.Status == checkers.Violated && v.Counts != "":
		return fmt.Sprintf("%s %s, exposed by %s that could have (%s)", Count(v.Total), v.Counts, risk, took)
	case v.Status == checkers.Violated && e.AtRisk > 0:
		return fmt.Sprintf("%s in %s that could have exposed one (%s)", Plural(v.Total, "violation"), risk, took)
	case v.Status == checkers.Violated:
		return fmt.Sprintf("%s on %s checked (%s)", Plural(v.Total, "violation"), Plural(e.Keys, "key"), took)
	case v.Status == checkers.Held && v.Follows != "":
		return fmt.Sprintf("%s, which is held, implies it (%s)", v.Follows, took)
	case v.NotDecided:
		return "not decided"
	case e.AtRisk > 0 && v.Total == 0:
		return fmt.Sprintf("0 in %s that could have exposed a violation; true rate < %s (95 %% confidence) (%s)", risk, percent(verdict.UpperBound95(e.AtRisk)), took)
	default:
		return fmt.Sprintf("%s ok on %s, %s overlapping (%s)", Plural(e.OK, "operation"), Plural(e.Keys, "key"), Count(e.Overlapping), took)
	}
}

// PrintSummary prints what was run, how it went, the faults with their proof,
// and the verdicts.
func PrintSummary(w io.Writer, s Style, h *history.History, sum *store.Summary) {
	w = s.Fit(w)
	fmt.Fprintf(w, "%s  %s\n", s.Bold("run "+sum.Run), sum.Started.Local().Format(time.DateTime))
	fmt.Fprintf(w, "  target    %s (%s), %s by %s, write %s, read %s\n", sum.Target, orUnknown(sum.Version), Plural(sum.Nodes, "node"), sum.Provider, sum.WriteLevel, sum.ReadLevel)
	fmt.Fprintf(w, "  workload  %s, %s, seed %d\n", sum.Workload, Plural(sum.Concurrency, "client"), sum.Seed)
	if l := sum.Load; l != nil {
		fmt.Fprintf(w, "  load      %s: %s operations, ok %s (%.0f/s), fail %s, info %s\n", duration.Seconds(l.Seconds), Count(l.Ops), Count(l.OK), l.OKPerSecond, Count(l.Fail), Count(l.Info))
		fmt.Fprintf(w, "  latency   read p50 %s, p99 %s; write p50 %s, p99 %s\n", latency(l.Read.P50), latency(l.Read.P99), latency(l.Write.P50), latency(l.Write.P99))
	}
	if sum.State != store.StateFinished {
		fmt.Fprintf(w, "  state     %s\n", sum.State)
	}
	if sum.Environment != "" {
		fmt.Fprintf(w, "  went wrong: %s\n", sum.Environment)
	}
	for i := range h.Faults {
		f := &h.Faults[i]
		fmt.Fprintf(w, "  fault %-3d %s\n", f.ID, Fault(f))
		for _, p := range f.Proof {
			fmt.Fprintf(w, "            %s\n", s.Dim(p))
		}
		if f.Error != "" {
			fmt.Fprintf(w, "            %s\n", s.Yellow(f.Error))
		}
	}
	PrintVerdicts(w, s, &sum.Assessment)
	PrintAlerts(w, sum.Alerts)
}

func orUnknown(v string) string {
	if v == "" {
		return "version unknown"
	}
	return v
}
