package quorum

import (
	"fmt"
	"io"
	"strings"

	"github.com/lapse-test/lapse/results/text"
)

// Print prints a table a model, then the figures of every cell.
func (t *Table) Print(w io.Writer, s text.Style) {
	for _, m := range Models() {
		fmt.Fprintf(w, "%s  (predicted / observed)\n", s.Bold(title(m)))
		t.matrix(w, m)
		fmt.Fprintln(w)
	}
	t.figures(w)
	fmt.Fprintf(w, "\n\"held\" is: not refuted by this run. \"not seen\" is: may break, and longer runs did not show it: with nodes cut off from each other, replicas held back or clocks moved, whichever is known to break it.\n")
}

func title(model string) string {
	if model == Regular {
		return "regular: an acknowledged write is seen by every later read"
	}
	return model
}

func (t *Table) at(row, column string) *Result {
	for i := range t.Cells {
		if c := &t.Cells[i]; c.Row == row && c.Column == column {
			return c
		}
	}
	return nil
}

func (t *Table) matrix(w io.Writer, model string) {
	rowWidth, width := 0, 0
	for _, r := range t.Rows {
		rowWidth = max(rowWidth, len(r))
	}
	cell := func(r, c string) string {
		if x := t.at(r, c); x != nil {
			return x.text(model)
		}
		return "-"
	}
	for _, r := range t.Rows {
		for _, c := range t.Columns {
			width = max(width, len(cell(r, c)), len(c))
		}
	}
	fmt.Fprintf(w, "  %-*s", rowWidth, "")
	head := ""
	for _, c := range t.Columns {
		head += fmt.Sprintf("  %-*s", width, c)
	}
	fmt.Fprintln(w, strings.TrimRight(head, " "))
	for _, r := range t.Rows {
		line := fmt.Sprintf("  %-*s", rowWidth, r)
		for _, c := range t.Columns {
			line += fmt.Sprintf("  %-*s", width, cell(r, c))
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

// text is a cell in words, such as "may break / broke 214 of 1,200".
func (r *Result) text(model string) string {
	o := r.Models[model]
	t := fmt.Sprintf("%s / %s", o.Predicted, o.Observed)
	if o.Observed == Broke {
		t += " " + text.Count(o.Violations)
	}
	if o.Evidence > 0 && o.Observed != Thin {
		t += " of " + text.Count(o.Evidence)
	}
	if !o.AsPredicted {
		t += " (!)"
	}
	return t
}

func (t *Table) figures(w io.Writer) {
	width := 0
	for _, r := range t.Rows {
		width = max(width, len(r))
	}
	for _, c := range t.Columns {
		width = max(width, len(c))
	}
	fmt.Fprintf(w, "  %-*s  %-*s  %14s %7s %9s  %-19s %10s  %16s  %16s  %15s  %15s\n", width, "write", width, "read",
		"could be stale", "stale", "rate", "95 % interval", "worst", "read ok in fault", "write ok in f.", "read p50/p99 ms", "in faults ms")
	for i := range t.Cells {
		c := &t.Cells[i]
		s := &c.Served
		fmt.Fprintf(w, "  %-*s  %-*s  %14s %7s %8.2f%%  %6.2f%% .. %6.2f%%  %8.1fms  %16s  %16s  %15s  %15s\n", width, c.Row, width, c.Column,
			text.Count(c.AtRisk), text.Count(c.Stale), c.Rate*100, c.Rate95.Low*100, c.Rate95.High*100, c.WorstMS,
			share(s.ReadsInFault), share(s.WritesInFault), times(s.Reads), times(s.ReadsInFault))
	}
}

func share(s Service) string {
	if s.Asked == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%% of %s", s.Availability()*100, text.Count(s.Asked))
}

func times(s Service) string {
	if s.OK == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f/%.1f", s.P50, s.P99)
}

// PrintWitness prints the proof of each model that broke in a cell.
func (r *Result) PrintWitness(w io.Writer, s text.Style) {
	for _, m := range Models() {
		if o := r.Models[m]; o.Proof != nil {
			fmt.Fprintf(w, "%s %s, run %s\n", r.Row, r.Column, o.Run)
			text.PrintViolation(w, s, o.History, o.Proof, 1, o.Violations)
		}
	}
}
