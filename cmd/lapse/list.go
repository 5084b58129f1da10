package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/suites"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads"
)

// listed is one thing that a flag can name.
type listed struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Text string `json:"text"`
	// Options are settings with their defaults, for workloads and targets.
	Options []listedOption `json:"options,omitempty"`
	// ReadLevels and WriteLevels are of targets, the default first.
	ReadLevels  []string `json:"read_levels,omitempty"`
	WriteLevels []string `json:"write_levels,omitempty"`
	// Models are what a workload's histories are checked against.
	Models []string `json:"models,omitempty"`
	// Needs is what a fault needs of the database.
	Needs []string `json:"needs,omitempty"`
}

type listedOption struct {
	Name    string   `json:"name"`
	Default string   `json:"default"`
	Values  []string `json:"values,omitempty"`
	Help    string   `json:"help"`
}

// kindList is one kind of thing: its name on the command line and its entries.
type kindList struct {
	name string
	all  func() ([]listed, error)
}

func (a *app) kindsListed() []kindList {
	return []kindList{
		{"targets", a.listTargets}, {"levels", a.listLevels}, {"workloads", listWorkloads}, {"models", listModels},
		{"faults", listFaults}, {"providers", a.listProviders}, {"suites", listSuites},
	}
}

func (a *app) listCommand() *cobra.Command {
	var names []string
	for _, k := range a.kindsListed() {
		names = append(names, k.name)
	}
	return &cobra.Command{
		Use:   "list [" + strings.Join(names, "|") + "]",
		Short: "List what the flags can name: targets, levels, workloads, models, faults ...",
		Example: `  lapse list
  lapse list models
  lapse list levels --json`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: names,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 && !slices.Contains(names, args[0]) {
				return targets.Usagef("list %s: must be one of %s", args[0], strings.Join(names, ", "))
			}
			all := []listed{}
			for _, k := range a.kindsListed() {
				if len(args) > 0 && args[0] != k.name {
					continue
				}
				entries, err := k.all()
				if err != nil {
					return err
				}
				all = append(all, entries...)
			}
			if a.JSON {
				return a.PrintJSON(all)
			}
			return printListed(a.Stdout, a.Style, all)
		},
	}
}

func printListed(to io.Writer, style text.Style, all []listed) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	before := ""
	for _, e := range all {
		if e.Kind != before {
			if before != "" {
				fmt.Fprintln(w)
			}
			fmt.Fprintln(w, style.Bold(e.Kind+"s"))
			before = e.Kind
		}
		fmt.Fprintf(w, "  %s\t%s\n", e.Name, e.Text)
		if e.Kind == "level" {
			fmt.Fprintf(w, "  \twrite: %s\n  \tread: %s\n", strings.Join(e.WriteLevels, ", "), strings.Join(e.ReadLevels, ", "))
		}
		for _, o := range e.Options {
			text := o.Help
			if len(o.Values) > 0 {
				text += " (" + strings.Join(o.Values, ", ") + ")"
			}
			fmt.Fprintf(w, "  \t%s=%s: %s\n", o.Name, o.Default, text)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing the list: %w", err)
	}
	return nil
}

func (a *app) listTargets() ([]listed, error) {
	var out []listed
	for _, t := range a.Targets {
		info := t.Info()
		e := listed{Kind: "target", Name: info.Name, Text: fmt.Sprintf("%s; %d to %d nodes, %d by default", info.Summary, info.MinNodes, info.MaxNodes, info.DefaultNodes)}
		for _, o := range info.Options {
			e.Options = append(e.Options, listedOption{o.Name, o.Default, o.Values, o.Help})
		}
		out = append(out, e)
	}
	return out, nil
}

func (a *app) listLevels() ([]listed, error) {
	var out []listed
	for _, t := range a.Targets {
		info := t.Info()
		out = append(out, listed{Kind: "level", Name: info.Name, Text: "the first of each is the default", ReadLevels: info.ReadLevels, WriteLevels: info.WriteLevels})
	}
	return out, nil
}

func listWorkloads() ([]listed, error) {
	var out []listed
	for _, w := range workloads.All() {
		e := listed{Kind: "workload", Name: w.Name(), Text: w.Summary() + "; checks " + strings.Join(w.Models(), ", "), Models: w.Models()}
		for _, o := range w.Options() {
			e.Options = append(e.Options, listedOption{Name: o.Name, Default: o.Default, Help: o.Help})
		}
		out = append(out, e)
	}
	return out, nil
}

func listModels() ([]listed, error) {
	var out []listed
	for _, e := range registry.All() {
		out = append(out, listed{Kind: "model", Name: e.Name, Text: e.Meaning})
	}
	return out, nil
}

func listFaults() ([]listed, error) {
	var out []listed
	for _, f := range nemesis.All() {
		e := listed{Kind: "fault", Name: f.Name, Text: f.Summary}
		for _, n := range f.Needs {
			e.Needs = append(e.Needs, string(n))
		}
		out = append(out, e)
	}
	return out, nil
}

func (a *app) listProviders() ([]listed, error) {
	var out []listed
	for _, p := range a.Providers {
		out = append(out, listed{Kind: "provider", Name: p.Provider.Name(), Text: p.About})
	}
	return out, nil
}

func listSuites() ([]listed, error) {
	var out []listed
	for _, name := range suites.Names() {
		text, err := suites.ByName(name)
		if err != nil {
			return nil, err
		}
		f, err := suite.Parse(name, text)
		if err != nil {
			return nil, err
		}
		out = append(out, listed{Kind: "suite", Name: name, Text: f.Description})
	}
	return out, nil
}
