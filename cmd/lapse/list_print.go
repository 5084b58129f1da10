package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// sectionOf is the heading that an entry stands under.
func sectionOf(e listed) string {
	switch {
	case e.Family != "":
		return e.Kind + "s: " + e.Family
	case e.Kind == "level":
		return "levels (the first of each is the default)"
	}
	return e.Kind + "s"
}

// printListed prints one line for each entry, under the headings of what they are;
// long adds what their settings are.
func (a *app) printListed(all []listed, long bool) error {
	for start := 0; start < len(all); {
		end := start
		for end < len(all) && sectionOf(all[end]) == sectionOf(all[start]) {
			end++
		}
		if start > 0 {
			fmt.Fprintln(a.Text)
		}
		fmt.Fprintln(a.Text, a.Style.Bold(sectionOf(all[start])))
		if err := printSection(a.Text, all[start:end], long); err != nil {
			return fmt.Errorf("printing the list: %w", err)
		}
		start = end
	}
	return nil
}

func printSection(to io.Writer, entries []listed, long bool) error {
	if entries[0].repeats && !long {
		_, err := fmt.Fprintln(to, "  "+namesOf(entries))
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		fmt.Fprintf(w, "  %s\t%s\n", e.Name, e.Text)
		if !long {
			continue
		}
		if e.Detail != "" {
			fmt.Fprintf(w, "  \t%s\n", e.Detail)
		}
		for _, o := range e.Options {
			text := o.Help
			if len(o.Values) > 0 {
				text += " (" + strings.Join(o.Values, ", ") + ")"
			}
			fmt.Fprintf(w, "  \t%s=%s: %s\n", o.Name, o.Default, text)
		}
	}
	return w.Flush()
}
