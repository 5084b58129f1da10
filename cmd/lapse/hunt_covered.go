package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/lapse-test/lapse/hunt"
	"github.com/lapse-test/lapse/results/text"
)

// headings are what the table of what was covered calls the states.
var headings = map[hunt.State]string{
	hunt.Alone: "alone", hunt.BesideAnother: "beside", hunt.AfterAnother: "after", hunt.AfterFailover: "failover",
	hunt.WritesOnWay: "writes", hunt.Idle: "idle",
}

// printCovered prints in how many runs which fault met which state: what began at all is a row of the table.
func (a *app) printCovered(w io.Writer, r *hunt.Result) {
	if len(r.Covered) == 0 {
		return
	}
	met := map[hunt.State]bool{}
	runs := map[string]map[hunt.State]int{}
	var faults []string
	for _, c := range r.Covered {
		met[c.State] = met[c.State] || c.Runs > 0
		if runs[c.Fault] == nil {
			faults, runs[c.Fault] = append(faults, c.Fault), map[hunt.State]int{}
		}
		runs[c.Fault][c.State] = c.Runs
	}
	table := text.Table{Head: []string{"began"}, Right: []bool{false}, Keep: 1}
	var states []hunt.State
	for _, s := range hunt.States() {
		if s == hunt.AfterFailover && !met[s] {
			continue // a system without failovers has no such state
		}
		states = append(states, s)
		table.Head, table.Right = append(table.Head, headings[s]), append(table.Right, true)
	}
	var never []string
	missed := 0
	for _, f := range faults {
		row, began := []string{f}, false
		for _, s := range states {
			row, began = append(row, text.Count(runs[f][s])), began || runs[f][s] > 0
			if runs[f][s] == 0 {
				missed++
			}
		}
		if !began {
			never = append(never, f)
			continue
		}
		table.Rows = append(table.Rows, row)
	}
	fmt.Fprintln(w, "\ncovered: in how many runs of the search a fault began alone, beside another, just after another or a failover, while writes were in flight, and while nothing was")
	if len(table.Rows) > 0 {
		_ = table.Print(w, a.Style)
	}
	if len(never) > 0 {
		fmt.Fprintf(w, "  never began: %s\n", strings.Join(never, ", "))
	}
	if missed > 0 {
		fmt.Fprintf(w, "  not covered: %s of %s\n", text.Count(missed), text.Plural(len(faults)*len(states), "combination"))
	}
}
