package quorum

import (
	"fmt"
	"io"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/internal/share"
	"github.com/lapse-test/lapse/results/text"
)

// Print prints a table a model, then the figures of every cell.
func (t *Table) Print(w io.Writer, s text.Style) error {
	w = s.Fit(w)
	for _, m := range Models() {
		fmt.Fprintf(w, "%s  (predicted / observed)\n", s.Bold(title(m)))
		if err := t.matrix(w, s, m); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	if err := t.figures(w, s); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n\"held\" is: not refuted by this run. \"not seen\" is: may break, and longer runs did not show it: with nodes cut off from each other, replicas held back or clocks moved, whichever is known to break it.\n")
	return err
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

func (t *Table) matrix(w io.Writer, s text.Style, model string) error {
	table := text.Table{Head: append([]string{""}, t.Columns...), Right: make([]bool, 1+len(t.Columns)), Keep: 1}
	for _, r := range t.Rows {
		row := []string{r}
		for _, c := range t.Columns {
			cell := "-"
			if x := t.at(r, c); x != nil {
				cell = x.text(model)
			}
			row = append(row, cell)
		}
		table.Rows = append(table.Rows, row)
	}
	return table.Print(w, s)
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

func (t *Table) figures(w io.Writer, s text.Style) error {
	table := text.Table{
		Head:  []string{"write", "read", "could be stale", "stale", "rate", "95 % interval", "worst", "reads ok in faults", "writes ok in faults", "read p50, p99", "in faults"},
		Right: []bool{false, false, true, true, true, true, true, true, true, true, true}, Keep: 2,
	}
	for i := range t.Cells {
		c := &t.Cells[i]
		s := &c.Served
		table.Rows = append(table.Rows, []string{
			c.Row, c.Column, text.Count(c.AtRisk), text.Count(c.Stale), percent(c.Rate), percent(c.Rate95.Low) + " to " + percent(c.Rate95.High), duration.Millis(c.WorstMS),
			served(s.ReadsInFault), served(s.WritesInFault), times(s.Reads), times(s.ReadsInFault),
		})
	}
	return table.Print(w, s)
}

func percent(p float64) string { return share.Text(p, share.Estimate) }

func served(s Service) string {
	if s.Asked == 0 {
		return "-"
	}
	return share.Text(s.Availability(), share.Estimate) + " of " + text.Count(s.Asked)
}

func times(s Service) string {
	if s.OK == 0 {
		return "-"
	}
	return duration.Millis(s.P50) + ", " + duration.Millis(s.P99)
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
