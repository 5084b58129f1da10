package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/runner"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/runs/quorum"
)

func (a *app) quorumCommand() *cobra.Command {
	var ask quorum.Ask
	var sets []string
	var witnesses, dryRun bool
	c := &cobra.Command{
		Use:   "quorum",
		Short: "Settle W+R>N: for every pair of levels, what is promised and what was seen",
		Long: `Run every pair of write and read levels for a while, with the nodes that a write
needs cut off from those that a read needs, and compare for three models what the
theory predicts with what was seen:

  regular            an acknowledged write is seen by every later read
  read-your-writes   a session sees its own acknowledged writes
  linearizable       what W+R>N by itself does not promise

A cell that may break and did not is run again, longer and harder, before it is
called "not seen". Exit 0: nothing that is promised broke; 1: something did;
2: too little evidence.`,
		Example: `  lapse quorum --target quorumkv --n 3
  lapse quorum --target quorumkv --n 3 --set read_repair=blocking --set write_timestamps=quorum
  lapse quorum --target cassandra --n 3 --write-level ONE --read-level ONE
  lapse quorum --target postgres --n 3
  lapse quorum --target redis --n 3
  lapse quorum --target mysql --n 3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if ask.Options, err = cli.ParseSets("set", sets); err != nil {
				return err
			}
			if !cmd.Flags().Changed("seed") {
				ask.Seed = rand.Uint64N(1 << 53) // exact as a JSON number anywhere
			}
			return a.quorum(cmd, ask, witnesses, dryRun)
		},
	}
	f := c.Flags()
	f.StringVar(&ask.Target, "target", protocol.Name, "database whose levels are tried: "+strings.Join(quorum.Targets(a.Targets), ", "))
	f.IntVar(&ask.N, "n", 3, "replicas of every key, 1 to 5; as many nodes")
	f.StringVar(&ask.Write, "write-level", "", "only this write level")
	f.StringVar(&ask.Read, "read-level", "", "only this read level")
	f.StringArrayVar(&sets, "set", nil, "setting of the target, name=value (repeatable)")
	f.StringVar(&ask.Provider, "provider", "auto", "where nodes run: auto, sandbox, local or docker")
	f.DurationVar(&ask.Duration, "duration", quorum.DefaultDuration, "load of each cell's first run; the second lasts twice as long")
	f.Float64Var(&ask.Rate, "rate", quorum.DefaultRate, "operations a second over all clients")
	f.Uint64Var(&ask.Seed, "seed", 0, "seed of every random choice (default: drawn and printed)")
	f.BoolVar(&witnesses, "witnesses", false, "print the proof of every model that broke, cell by cell")
	f.BoolVar(&dryRun, "dry-run", false, "check everything and print the cells that would be run")
	a.AddRunFlags(c)
	return c
}

// overhead is what a run takes besides its load: starting, healing, checking.
const overhead = 2 * time.Second

func (a *app) quorum(cmd *cobra.Command, ask quorum.Ask, witnesses, dryRun bool) error {
	env, err := a.Environment()
	if err != nil {
		return err
	}
	cells, err := quorum.Cells(env.Targets, ask)
	if err != nil {
		return err
	}
	// Every cell is planned before the first one is run, so that bad input shows.
	var planned *runs.Planned
	for i := range cells {
		if planned, err = runs.Plan(cmd.Context(), cells[i].Request, env); err != nil {
			return err
		}
	}
	if dryRun {
		return a.printCells(ask, cells)
	}
	chosen, err := runner.Choose(cmd.Context(), a.App, planned, env)
	if err != nil {
		return err
	}
	if chosen.Exited {
		return chosen.Exit()
	}
	fmt.Fprintf(a.Notes(), "lapse %s · seed %d · quorums of %s, N=%d · %s of about %s · %s\n", runs.Version(), ask.Seed, ask.Target, ask.N, text.Plural(len(cells), "cell"), duration.Text(ask.Duration+overhead), chosen.Reason)
	began := time.Now()
	quiet := env
	quiet.Progress = harness.Silent{}
	table, err := quorum.Run(cmd.Context(), ask, cells, chosen.Provider, chosen.Reason, quiet, func(r quorum.Result) {
		reg := r.Models[quorum.Regular]
		fmt.Fprintf(a.Notes(), "  %-18s %-14s %-9s / %-12s  %s of %s reads stale (%s)\n",
			r.Row, r.Column, reg.Predicted, reg.Observed, text.Count(r.Stale), text.Count(r.AtRisk), text.Plural(len(r.Runs), "run"))
	})
	if err != nil {
		return err
	}
	if a.JSON {
		if err := a.PrintJSON(table); err != nil {
			return err
		}
		return &cli.ExitError{Code: table.Exit.Code}
	}
	if err := table.Print(a.Text, a.Style); err != nil {
		return fmt.Errorf("printing the table: %w", err)
	}
	a.printQuorumWitnesses(table, witnesses)
	fmt.Fprintf(a.Text, "\nresult: %s (exit %d), %s\n", table.Exit.Reason, table.Exit.Code, duration.Text(time.Since(began)))
	return &cli.ExitError{Code: table.Exit.Code}
}

// printCells prints what would be run of a table.
func (a *app) printCells(ask quorum.Ask, cells []quorum.Cell) error {
	if a.JSON {
		return a.PrintJSON(cells)
	}
	fmt.Fprintf(a.Text, "quorums of %s, N=%d, seed %d: %s of %s, those that may break and did not twice as long again\n", ask.Target, ask.N, ask.Seed, text.Plural(len(cells), "cell"), duration.Text(ask.Duration))
	for i := range cells {
		fmt.Fprintf(a.Text, "  %-18s %-14s predicted %s\n", cells[i].Row, cells[i].Column, cells[i].Predicted[quorum.Regular])
	}
	fmt.Fprintln(a.Stderr, "nothing was run: without --dry-run it is")
	return nil
}

// printQuorumWitnesses prints every proof, or in one line each where to find it;
// what is promised and broke is always printed in full.
func (a *app) printQuorumWitnesses(t *quorum.Table, all bool) {
	for i := range t.Cells {
		c := &t.Cells[i]
		full := all
		for _, m := range quorum.Models() {
			full = full || !c.Models[m].AsPredicted
		}
		if full {
			fmt.Fprintln(a.Text)
			c.PrintWitness(a.Text, a.Style)
			continue
		}
		for _, m := range quorum.Models() {
			o := c.Models[m]
			if o.Observed == quorum.Broke {
				fmt.Fprintf(a.Text, "  %s %s %s: %s (lapse show %s)\n", c.Row, c.Column, m, o.Witness, o.Run)
				break
			}
		}
		for _, m := range quorum.Models() {
			if o := c.Models[m]; o.Observed == quorum.Thin {
				fmt.Fprintf(a.Text, "  %s %s %s is inconclusive: %v\n", c.Row, c.Column, m, o.Reasons)
			}
		}
	}
}
