// Package output is what commands print and write of runs and suites: verdicts,
// reports, and the files of --output.
package output

import (
	"fmt"
	"os"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
)

// PrintPlan prints what a run would do: its load, its models, its faults.
func PrintPlan(a *cli.App, p *runs.Planned) error {
	if a.JSON {
		return a.PrintJSON(p.Plan)
	}
	w := a.Text
	fmt.Fprintln(w, Headline(p.Plan, "provider "+p.Plan.Provider))
	fmt.Fprintf(w, "  %-8s %s\n", "models", strings.Join(p.Plan.ModelNames(), ", "))
	if len(p.Plan.Schedule.Steps) == 0 {
		fmt.Fprintf(w, "  %-8s none\n", "faults")
	}
	for i, s := range p.Plan.Schedule.Steps {
		fmt.Fprintf(w, "  fault %-2d at %s for %s: %s %s\n", i+1, duration.Text(s.At), duration.Text(s.Hold), s.Fault, strings.Join(s.Nodes, ", "))
	}
	fmt.Fprintln(a.Stderr, "nothing was run: without --dry-run it is")
	return nil
}

// Headline says in one line what is run, and where.
func Headline(p *harness.Plan, reason string) string {
	rate := "as fast as answers come"
	if p.Rate > 0 {
		rate = fmt.Sprintf("%g op/s", p.Rate)
	}
	return fmt.Sprintf("lapse %s · seed %d · %s, %s, write %s, read %s · %s, %s (%s), %s, %s · %s",
		runs.Version(), p.Seed, p.Target, text.Plural(p.Nodes, "node"), p.WriteLevel, p.ReadLevel,
		p.Workload, text.Plural(p.Clients(), "client"), p.Session, rate, duration.Text(p.Duration), reason)
}

// ShownViolations is how many witnesses a run prints in full for each model.
const ShownViolations = 1

// PrintFinished prints what a run came to and what to do next, and what became of its report.
func PrintFinished(a *cli.App, f *runs.Finished, report Drawing) {
	w := a.Text
	text.PrintVerdicts(w, a.Style, &f.Summary.Assessment)
	if f.History != nil {
		PrintViolations(a, f.History, &f.Witnesses, ShownViolations)
		text.PrintShards(w, f.Shards)
		text.PrintMeasures(w, figures.Measures(f.History))
	}
	text.PrintAlerts(w, f.Summary.Alerts)
	fmt.Fprintf(w, "\nresult: %s (exit %d)\n", f.Summary.Exit.Reason, f.Summary.Exit.Code)
	where := f.Dir.Path
	if _, err := os.Stat(where); err != nil {
		return // nothing could be written, and the result says why
	}
	switch {
	case report.Drawn:
		where += "   (" + FileReport + " in it)"
	case report.Err == nil:
		where += "   (interrupted before its report was drawn; lapse report " + f.Dir.ID + " draws it)"
	}
	fmt.Fprintf(w, "run:    %s\n", where)
	fmt.Fprintf(w, "next:   %s\n", nextStep(f))
}

// nextStep is what a reader of the result does now.
func nextStep(f *runs.Finished) string {
	id := f.Dir.ID
	if f.Summary.Exit.Code == verdict.ExitEnvironment && f.Summary.Status != checkers.Violated {
		return fmt.Sprintf("mend what the result names and run the same command again; lapse show %s (what was recorded)", id)
	}
	switch f.Summary.Status {
	case checkers.Violated:
		return fmt.Sprintf("lapse show %s (every witness) · lapse replay %s --until-violated 5 · lapse report %s -o report.html", id, id, id)
	case checkers.Held:
		return fmt.Sprintf("lapse show %s (the evidence) · lapse replay %s --until-violated 20", id, id)
	}
	if faults := f.Report.Faults; len(faults.Ineffective)+len(faults.Unhealed)+len(faults.Unexpected) > 0 {
		return fmt.Sprintf("lapse show %s (which fault, and what was seen of it) · why, the nodes' logs may say, in %s · lapse replay %s", id, f.Dir.File(store.DirNodes), id)
	}
	return fmt.Sprintf("lapse show %s (what is missing); a longer --duration or a higher --rate gives more evidence", id)
}

// PrintViolations prints the first violations of each model in full. A proof that
// refutes several models is printed once.
func PrintViolations(a *cli.App, h *history.History, as *verdict.Assessment, each int) {
	printed := map[string]string{}
	for i := range as.Verdicts {
		v := &as.Verdicts[i]
		for j := range v.Violations {
			if j == each {
				break
			}
			x := &v.Violations[j]
			proof := fmt.Sprint(x.Ops, x.Sentence)
			fmt.Fprintln(a.Text)
			if model, again := printed[proof]; again {
				fmt.Fprintf(a.Text, "%s  %s: %s, by the same operations as %s\n",
					a.Style.Red(fmt.Sprintf("VIOLATION %d of %s", j+1, text.Count(v.Total))), v.Model, x.Anomaly, model)
				continue
			}
			printed[proof] = v.Model
			text.PrintViolation(a.Stdout, a.Style, h, x, j+1, v.Total)
		}
	}
}
