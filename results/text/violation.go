package text

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// PrintViolation prints a violation with its witness: the sentence, the
// operations, the reasoning, what would have been legal, and the fault windows; of operations
// and reasons MaxListed. total is 0 while it is not known how many there are.
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
	printListed(w, v.Ops, "operations", func(i int) string { return fmt.Sprintf("%-3s %s", OpName(v, i), Op(h, i)) })
	if !proof && len(v.Steps) > 0 {
		fmt.Fprintln(w, "  Then:")
		printListed(w, v.Steps, "reasons", func(st checkers.Step) string { return Step(v, st) })
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

func printListed[T any](w io.Writer, all []T, what string, line func(T) string) {
	first, last, left := Listed(all)
	for _, x := range first {
		fmt.Fprintf(w, "    %s\n", line(x))
	}
	if left > 0 {
		fmt.Fprintf(w, "    … %s more %s, which the witness as JSON has\n", Count(left), what)
	}
	for _, x := range last {
		fmt.Fprintf(w, "    %s\n", line(x))
	}
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
		return fmt.Sprintf("T%d", v.Place(i))
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
