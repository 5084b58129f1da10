package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/targets/cluster"
)

func (a *app) cleanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove what killed runs have left at the Docker engine, in clusters of Kubernetes and of control groups",
		Long: `Remove the containers, networks, directories and firewall tables that runs have
left which were killed (kill -9, a crash of the machine). What belongs to a process
that may be alive stays. The next run in containers does the same by itself. Nodes
in the sandbox leave a control group at most, of the fault cpu-limit, when the
sandbox's first process is killed together with lapse; local ones leave nothing. Namespaces of Kubernetes are those
that this machine has noted when they were made. In the runs below --out and among temporary files it looks
for what checks of large histories may have left. Where no Docker engine answers and
none was named (DOCKER_HOST) nothing is looked for there, which is said.`,
		Example: `  lapse clean
  lapse clean --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			removed := []cluster.Removed{}
			var err error
			for _, p := range a.Providers {
				c, ok := p.Provider.(cluster.Cleaner)
				if !ok {
					continue
				}
				r, wrong := c.Clean(cmd.Context())
				removed = append(removed, r...)
				if errors.Is(wrong, cluster.ErrNoEngine) {
					// Who has no engine needs none, and what was removed elsewhere was removed.
					fmt.Fprintf(a.Notes(), "nothing was looked for under --provider %s: %v\n", p.Provider.Name(), cluster.ErrNoEngine)
					continue
				}
				err = errors.Join(err, wrong)
			}
			left, wrong := a.leftParts()
			removed, err = append(removed, left...), errors.Join(err, wrong)
			if a.JSON {
				return errors.Join(err, a.PrintJSON(removed))
			}
			for _, r := range removed {
				of := ""
				if r.Run != "" {
					of = " (run " + r.Run + ")"
				}
				fmt.Fprintf(a.Stdout, "removed %-9s %s%s\n", r.Kind, r.Name, of)
			}
			if err == nil && len(removed) == 0 {
				fmt.Fprintln(a.Stdout, "nothing was left behind")
			}
			return err
		},
	}
}

// leftParts removes what checks of large histories have left in runs and among temporary files, if they were killed in the moment in
// which it had a name.
func (a *app) leftParts() (removed []cluster.Removed, err error) {
	runs, err := store.List(a.Out)
	for _, d := range append(runs, store.Dir{Path: os.TempDir()}) {
		files, wrong := history.RemoveLeft(d.Path)
		err = errors.Join(err, wrong)
		for _, f := range files {
			removed = append(removed, cluster.Removed{Kind: "file", Name: f, Run: d.ID})
		}
	}
	return removed, err
}
