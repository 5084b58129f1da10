// Package text is what lapse prints: operations, violations, verdicts, summaries and
// suites as people read them on a terminal, and the live progress of a run.
package text

import (
	"cmp"
	"fmt"
	"io"
	"slices"
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
	for _, n := range a.NotChecked {
		fmt.Fprintf(w, "  %-*s - not checked: %s\n", width, n.Model, n.Reason)
	}
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
	return s.Status(st) + strings.Repeat(" ", len("inconclusive")-len(st))
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
	case e.AtRisk > 0 && v.Total == 0:
		return fmt.Sprintf("0 in %s that could have exposed a violation; true rate < %s (95 %% confidence) (%s)", risk, percent(verdict.UpperBound95(e.AtRisk)), took)
	default:
		return fmt.Sprintf("%s ok on %s, %s overlapping (%s)", Plural(e.OK, "operation"), Plural(e.Keys, "key"), Count(e.Overlapping), took)
	}
}

// percent keeps two significant digits, three at 100.
func percent(p float64) string {
	if p >= 0.1 {
		return fmt.Sprintf("%.0f %%", p*100)
	}
	return fmt.Sprintf("%.2g %%", p*100)
}

// Plural returns a number with its noun: "1 run", "2,000 runs".
func Plural(n int, one string) string { return count.Of(n, one) }

// Count writes n with a comma after every three digits.
func Count(n int) string { return count.Text(n) }

// PrintViolation prints a violation with its witness: the sentence, the
// operations, the reasoning, what would have been legal, and the fault windows. total is 0
// while it is not known how many there are.
func PrintViolation(w io.Writer, s Style, h *history.History, v *checkers.Violation, number, total int) {
	w = s.Fit(w)
	of := ""
	if total > 0 {
		of = " of " + Count(total)
	}
	head := fmt.Sprintf("VIOLATION %d%s  %s: %s", number, of, v.Model, v.Anomaly)
	if v.Key != "" {
		head += "  key " + v.Key
	}
	fmt.Fprintln(w, s.Red(head))
	fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(v.Sentence, "\n", "\n  "))
	proof := strings.Contains(v.Sentence, "\n") // in several lines: with its own Let and Then
	if !proof && len(v.Ops) > 0 {
		fmt.Fprintln(w, "  Let:")
	}
	for _, i := range v.Ops {
		fmt.Fprintf(w, "    %-3s %s\n", OpName(v, i), Op(h, i))
	}
	if !proof && len(v.Steps) > 0 {
		fmt.Fprintln(w, "  Then:")
		for _, st := range v.Steps {
			fmt.Fprintf(w, "    %s\n", Step(v, st))
		}
	}
	if len(v.Legal) > 0 {
		fmt.Fprintf(w, "    legal values: %s\n", Legal(h, v))
	}
	for _, id := range v.Faults {
		if f := faultByID(h, id); f != nil {
			fmt.Fprintf(w, "    fault: %s\n", Fault(f))
		}
	}
	fmt.Fprintf(w, "    %s\n", Certified(v))
}

// Certified says whether and how v was refuted again on the operations of its witness
// alone.
func Certified(v *checkers.Violation) string {
	switch v.Certified {
	case "":
		return "not verified by other means"
	case "porcupine":
		return "refuted again on these operations alone by Porcupine"
	}
	return "refuted again on these operations alone: " + v.Certified
}

// OpName returns the name by which the explanation of v calls operation i: as its sentence does where
// that names transactions by their place in the history, else by its place in the
// witness.
func OpName(v *checkers.Violation, i int) string {
	if v.NamesPlace(i) {
		return fmt.Sprintf("T%d", i)
	}
	return fmt.Sprintf("#%d", 1+slices.Index(v.Ops, i))
}

// Step is one reason of a proof as a sentence.
func Step(v *checkers.Violation, s checkers.Step) string {
	if s.To < 0 {
		return fmt.Sprintf("%s: %s", OpName(v, s.From), s.Why)
	}
	return fmt.Sprintf("%s before %s, because %s", OpName(v, s.From), OpName(v, s.To), s.Why)
}

func faultByID(h *history.History, id int) *history.Fault {
	i := slices.IndexFunc(h.Faults, func(f history.Fault) bool { return f.ID == id })
	if i < 0 {
		return nil
	}
	return &h.Faults[i]
}

// Fault is a fault in one line: its name and its window.
func Fault(f *history.Fault) string {
	until := "not seen to be healed"
	if f.Healed != 0 {
		until = "healed at " + Seconds(f.Healed)
	}
	return fmt.Sprintf("%s since %s, %s", f.Name, Seconds(f.Injected), until)
}

// Seconds is a stamp as people read it.
func Seconds(t history.Time) string {
	if t == history.Never {
		return "never"
	}
	return fmt.Sprintf("%.6fs", float64(t)/1e9)
}

// Op is an operation in one line, with nothing left out that a verdict
// could rest on.
func Op(h *history.History, i int) string {
	op := &h.Ops[i]
	var b strings.Builder
	fmt.Fprintf(&b, "t=%s..%s  session %d  ", Seconds(op.Invoke), completion(op), op.Session)
	for j := range h.Mops(op) {
		if j > 0 {
			b.WriteString("; ")
		}
		b.WriteString(Mop(h, op, &h.Mops(op)[j]))
	}
	fmt.Fprintf(&b, "  %s", op.Outcome)
	if n := h.NodeName(op); n != "" {
		fmt.Fprintf(&b, " via %s", n)
	}
	if l := Levels(h, op); l != "" {
		fmt.Fprintf(&b, " at %s", l)
	}
	if n := h.String(op.Note); n != "" {
		fmt.Fprintf(&b, "  [%s]", n)
	}
	if e := h.String(op.Error); e != "" {
		fmt.Fprintf(&b, "  (%s)", e)
	}
	return b.String()
}

func completion(op *history.Op) string {
	if op.Complete == history.Never {
		return "?"
	}
	return Seconds(op.Complete)
}

// Levels is "W=... R=...", each where op writes or reads and its level is known; empty if neither is.
func Levels(h *history.History, op *history.Op) string {
	reads, writes := false, false
	for _, m := range h.Mops(op) {
		if m.Func.Writes() {
			writes = true
		} else {
			reads = true
		}
	}
	var parts []string
	if l := h.LevelName(op.WriteLevel); writes && l != "" {
		parts = append(parts, "W="+l)
	}
	if l := h.LevelName(op.ReadLevel); reads && l != "" {
		parts = append(parts, "R="+l)
	}
	return strings.Join(parts, " ")
}

// Mop is a micro-operation as people read it.
func Mop(h *history.History, op *history.Op, m *history.Mop) string {
	k := h.KeyName(m.Key)
	ret := "?"
	if m.Flags&history.Observed != 0 {
		ret = h.ValueText(m.Ret)
	}
	arg := h.ValueText(m.Arg)
	switch m.Func {
	case history.Read, history.Dequeue, history.ReadCounter, history.Generate:
		return fmt.Sprintf("%s %s -> %s", m.Func, k, ret)
	case history.ReadList, history.ReadSet:
		if m.Flags&history.Observed == 0 {
			return fmt.Sprintf("%s %s -> ?", m.Func, k)
		}
		return fmt.Sprintf("%s %s -> %s", m.Func, k, listText(h, h.List(m)))
	case history.CAS:
		t := fmt.Sprintf("cas %s %s=>%s", k, h.ValueText(m.Expect), arg)
		if op.Outcome == history.Fail && m.Flags&history.Observed != 0 {
			t += " (was " + ret + ")"
		}
		return t
	case history.Delete:
		return fmt.Sprintf("%s %s", m.Func, k)
	case history.Acquire, history.Release:
		return lockText(h, m, k)
	case history.Send:
		if m.Flags&history.Versioned != 0 {
			return fmt.Sprintf("send %s=%s at offset %d", k, arg, m.Version)
		}
		return fmt.Sprintf("send %s=%s", k, arg)
	case history.Poll:
		if m.Flags&history.Observed == 0 {
			return fmt.Sprintf("poll %s -> ?", k)
		}
		return fmt.Sprintf("poll %s -> %s", k, pollText(h, m))
	case history.Assign, history.Subscribe:
		if m.Arg == 0 {
			return fmt.Sprintf("%s not %s", m.Func, k)
		}
		return fmt.Sprintf("%s %s", m.Func, k)
	case history.Transfer:
		return fmt.Sprintf("transfer %s from %s to account %s", m.Expect, k, arg)
	default:
		return fmt.Sprintf("%s %s=%s", m.Func, k, arg)
	}
}

// maxListShown bounds the elements of a list shown in a line.
const maxListShown = 24

func listText(h *history.History, list []history.Value) string {
	var parts []string
	for i, v := range list {
		if i == maxListShown {
			parts = append(parts, fmt.Sprintf("... %d more", len(list)-i))
			break
		}
		parts = append(parts, h.ValueText(v))
	}
	return "[" + strings.Join(parts, " ") + "]"
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
		fmt.Fprintf(w, "  latency   read p50 %s, p99 %s; write p50 %s, p99 %s\n", duration.Millis(l.Read.P50), duration.Millis(l.Read.P99), duration.Millis(l.Write.P50), duration.Millis(l.Write.P99))
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
