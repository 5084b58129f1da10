package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/suites"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/workloads"
)

// complete teaches the shells what can stand after the flags and commands of c
// and below: `lapse completion` writes what asks for it.
func (a *app) complete(c *cobra.Command) {
	values := map[string]func(*cobra.Command) []string{
		"target": func(*cobra.Command) []string { return a.targetNames() },
		"write-level": func(c *cobra.Command) []string {
			_, write := a.levelsOf(c)
			return write
		},
		"read-level": func(c *cobra.Command) []string {
			read, _ := a.levelsOf(c)
			return read
		},
		"workload": func(*cobra.Command) []string { return workloads.Names() },
		"faults": func(*cobra.Command) []string {
			var lists []string
			for _, p := range nemesis.Presets() {
				lists = append(lists, p.Name)
			}
			return append(lists, nemesis.Names()...)
		},
		"model":  func(*cobra.Command) []string { return registry.Names() },
		"format": func(*cobra.Command) []string { return formats.Names() },
		"provider": func(*cobra.Command) []string {
			return slices.Concat(providers.Names(a.Providers), slices.Sorted(maps.Keys(providers.Hosts(a.Providers))))
		},
		"progress": func(*cobra.Command) []string { return []string{"auto", "tty", "plain", "json", "none"} },
		"session":  func(*cobra.Command) []string { return []string{"stay", "roam", "travel"} },
		"expect":   func(*cobra.Command) []string { return []string{"held", "violated"} },
	}
	for flag, list := range values {
		if c.Flags().Lookup(flag) == nil {
			continue
		}
		// The flag was looked up, and nobody else registers for it.
		_ = c.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			return lastOfList(list(cmd), typed), cobra.ShellCompDirectiveNoFileComp
		})
	}
	switch name := c.Name(); {
	case slices.Contains([]string{"show", "replay", "report", "diff", "rm"}, name):
		c.ValidArgsFunction = a.completeRuns(cobra.ShellCompDirectiveNoFileComp)
	case name == "check":
		c.ValidArgsFunction = a.completeRuns(cobra.ShellCompDirectiveDefault)
	case name == "run" || name == "validate":
		c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return suites.Names(), cobra.ShellCompDirectiveDefault
		}
	case name == "reproduce":
		c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return findings(), cobra.ShellCompDirectiveNoFileComp
		}
	case name == "fetch":
		c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return a.targetNames(), cobra.ShellCompDirectiveNoFileComp
		}
	}
	for _, sub := range c.Commands() {
		a.complete(sub)
	}
}

// lastOfList completes the last entry of a comma-separated list.
func lastOfList(names []string, typed string) []string {
	i := strings.LastIndexByte(typed, ',')
	if i < 0 {
		return names
	}
	out := make([]string, len(names))
	for j, n := range names {
		out[j] = typed[:i+1] + n
	}
	return out
}

func (a *app) completeRuns(after cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		dirs, err := store.List(a.Out)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		ids := []string{input.Latest}
		for _, d := range slices.Backward(dirs) {
			ids = append(ids, d.ID)
		}
		return ids, after
	}
}

func (a *app) targetNames() []string {
	var names []string
	for _, t := range a.Targets {
		names = append(names, t.Info().Name)
	}
	return names
}

// levelsOf are the levels of the target that the command line names.
func (a *app) levelsOf(c *cobra.Command) (read, write []string) {
	name, err := c.Flags().GetString("target")
	if err != nil {
		return nil, nil
	}
	t, err := targets.ByName(a.Targets, name)
	if err != nil {
		return nil, nil
	}
	info := t.Info()
	return info.ReadLevels, info.WriteLevels
}

// findings are the names of those of the track record.
func findings() []string {
	text, err := suites.ByName(suites.KnownFindings)
	if err != nil {
		return nil // nothing to complete
	}
	f, err := suite.Parse(suites.KnownFindings, text)
	if err != nil {
		return nil
	}
	return f.Findings()
}
