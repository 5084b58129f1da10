package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// overview is what a kind is called where all kinds are shown at once, with where its names go. Kinds without one are told in
// lists of their own.
var overview = []struct{ kind, heading string }{
	{"target", "databases (--target)"},
	{"workload", "workloads (--workload)"},
	{"model", "models (--model), the strongest of a family first"},
	{"fault", "faults (--faults)"},
	{"preset", "presets of faults (--faults)"},
	{"suite", "suites (lapse run NAME)"},
	{"provider", "where nodes run (--provider)"},
}

// printOverview prints every name once, for a screen: a line a database, and the names of everything else one after the other.
func (a *app) printOverview(all []listed) error {
	for _, part := range overview {
		entries := slices.DeleteFunc(slices.Clone(all), func(e listed) bool { return e.Kind != part.kind })
		heading := a.Style.Bold(part.heading)
		var err error
		switch part.kind {
		case "target":
			fmt.Fprintln(a.Text, heading)
			err = printDatabases(a.Text, entries)
		case "model":
			fmt.Fprintln(a.Text, heading)
			err = printFamilies(a.Text, entries)
		default:
			_, err = fmt.Fprintf(a.Text, "%s: %s\n", heading, namesOf(entries))
		}
		if err != nil {
			return fmt.Errorf("printing the overview: %w", err)
		}
		if part.kind != "fault" { // their presets follow
			fmt.Fprintln(a.Text)
		}
	}
	_, err := fmt.Fprintln(a.Text, "lapse list models (targets, levels, faults ...) says what each is, --long all.")
	if err != nil {
		return fmt.Errorf("printing the overview: %w", err)
	}
	return nil
}

// printDatabases prints what each is, without what its summary explains after a colon.
func printDatabases(to io.Writer, entries []listed) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		what, _, _ := strings.Cut(e.Text, ": ")
		fmt.Fprintf(w, "  %s\t%s\n", e.Name, what)
	}
	return w.Flush()
}

// printFamilies prints the names of models, which come family by family.
func printFamilies(to io.Writer, entries []listed) error {
	for len(entries) > 0 {
		n := slices.IndexFunc(entries, func(e listed) bool { return e.Family != entries[0].Family })
		if n < 0 {
			n = len(entries)
		}
		if _, err := fmt.Fprintf(to, "  %s: %s\n", entries[0].Family, namesOf(entries[:n])); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func namesOf(entries []listed) string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return strings.Join(names, ", ")
}
