package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/suites"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/workloads"
)

// listed is one thing that a flag can name.
type listed struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Text string `json:"text"`
	// Detail is what a long list says besides.
	Detail string `json:"detail,omitempty"`
	// Family groups models.
	Family string `json:"family,omitempty"`
	// repeats: it says once more what an entry before it says, for another order.
	repeats bool
	// Options are settings with their defaults, for workloads and targets.
	Options []listedOption `json:"options,omitempty"`
	// ReadLevels and WriteLevels are of targets, the default first.
	ReadLevels  []string `json:"read_levels,omitempty"`
	WriteLevels []string `json:"write_levels,omitempty"`
	// Models are what a workload's histories are checked against.
	Models []string `json:"models,omitempty"`
	// Needs is what a fault needs of the database, Capabilities of nodes and of the network
	// between them; of a provider Capabilities is what it has.
	Needs        []string `json:"needs,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`
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
	var long bool
	for _, k := range a.kindsListed() {
		names = append(names, k.name)
	}
	c := &cobra.Command{
		Use:   "list [" + strings.Join(names, "|") + "]",
		Short: "List what the flags can name: targets, levels, workloads, models, faults ...",
		Long: `Print the names that flags and suites can have: without arguments an overview of
one screen, with the name of a kind what each of them means. --long adds the
settings of targets and workloads, and without the name of a kind shows all there
is. --json has all of it always.`,
		Example: `  lapse list
  lapse list models
  lapse list targets --long
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
			if len(args) == 0 && !long {
				return a.printOverview(all)
			}
			return a.printListed(all, long)
		},
	}
	c.Flags().BoolVarP(&long, "long", "l", false, "with the settings of targets and workloads, and the meaning of every model")
	return c
}

func (a *app) listTargets() ([]listed, error) {
	var out []listed
	for _, t := range a.Targets {
		info := t.Info()
		e := listed{Kind: "target", Name: info.Name, Text: info.Summary, Detail: nodesOf(info)}
		for _, o := range info.Options {
			e.Options = append(e.Options, listedOption{o.Name, o.Default, o.Values, o.Help})
		}
		out = append(out, e)
	}
	return out, nil
}

func nodesOf(info targets.Info) string {
	if info.MaxNodes == 1 {
		return info.Sizes()
	}
	return fmt.Sprintf("%s, %d by default", info.Sizes(), info.DefaultNodes)
}

func (a *app) listLevels() ([]listed, error) {
	var out []listed
	for _, t := range a.Targets {
		info := t.Info()
		out = append(out, listed{Kind: "level", Name: info.Name, Text: "write: " + strings.Join(info.WriteLevels, ", ") + "; read: " + strings.Join(info.ReadLevels, ", "), ReadLevels: info.ReadLevels, WriteLevels: info.WriteLevels})
	}
	return out, nil
}

func listWorkloads() ([]listed, error) {
	var out []listed
	for _, w := range workloads.All() {
		e := listed{Kind: "workload", Name: w.Name(), Text: w.Summary(), Detail: "checks " + strings.Join(w.Models(), ", "), Models: w.Models()}
		for _, o := range w.Options() {
			e.Options = append(e.Options, listedOption{Name: o.Name, Default: o.Default, Help: o.Help})
		}
		out = append(out, e)
	}
	return out, nil
}

func listModels() ([]listed, error) {
	var out []listed
	for _, f := range checkers.Families() {
		for _, m := range registry.InFamily(f) {
			out = append(out, listed{Kind: "model", Name: m.Name, Text: m.Meaning, Family: f.String(), repeats: f.Repeats()})
		}
	}
	return out, nil
}

func listFaults() ([]listed, error) {
	var out []listed
	for _, p := range nemesis.Presets() {
		out = append(out, listed{Kind: "preset", Name: p.Name, Text: p.Summary})
	}
	for _, f := range nemesis.All() {
		e := listed{Kind: "fault", Name: f.Name, Text: f.Summary}
		for _, n := range f.Needs {
			e.Needs = append(e.Needs, n.String())
		}
		for _, c := range f.Capabilities {
			e.Capabilities = append(e.Capabilities, c.String())
		}
		out = append(out, e)
	}
	return out, nil
}

func (a *app) listProviders() ([]listed, error) {
	var out []listed
	for _, p := range a.Providers {
		e := listed{Kind: "provider", Name: p.Provider.Name(), Text: p.About}
		for _, c := range cluster.CapabilitiesOf(p.Provider, cluster.Spec{}) {
			e.Capabilities = append(e.Capabilities, c.String())
		}
		out = append(out, e)
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
