package main

import (
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/cmd/lapse/internal/runner"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
)

// requestFlags are the flags from which a plan is made.
type requestFlags struct {
	req          runs.Request
	sets         []string
	workloadSets []string
	expect       string
	dryRun       bool
}

func (a *app) runCommand() *cobra.Command {
	rf, sf := &requestFlags{}, &suiteFlags{}
	c := &cobra.Command{
		Use:   "run [SUITE]",
		Short: "Run a database under load and faults, and check what its clients saw",
		Example: `  lapse run --target quorumkv --write-level 1 --read-level 1 --faults partition --duration 10s --seed 7
  lapse run --target postgres --write-level local --read-level replica --faults partition
  lapse run --target quorumkv --set read_repair=blocking --set write_timestamps=quorum --faults partition,kill,pause --expect held
  lapse run quorum-basics
  lapse run suite.yaml --output junit=junit.xml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rf.req.Seeded = cmd.Flags().Changed("seed")
			if len(args) > 0 {
				return a.runSuiteWith(cmd, args[0], rf, sf)
			}
			for _, name := range []string{"resume", "baseline", "output"} {
				if cmd.Flags().Changed(name) {
					return targets.Usagef("--%s goes with a suite: lapse run FILE --%s ...", name, name)
				}
			}
			return a.run(cmd, rf)
		},
	}
	f := c.Flags()
	f.StringVar(&rf.req.Target, "target", "quorumkv", "database to test; `lapse doctor` lists them")
	f.IntVar(&rf.req.Nodes, "nodes", 0, "nodes (default: the target's)")
	f.StringVar(&rf.req.WriteLevel, "write-level", "", "consistency level of writes, as the database spells it")
	f.StringVar(&rf.req.ReadLevel, "read-level", "", "consistency level of reads, as the database spells it")
	f.StringArrayVar(&rf.sets, "set", nil, "setting of the target, name=value (repeatable)")
	f.StringVar(&rf.req.Provider, "provider", "auto", "where nodes run: auto, sandbox, local, docker or external")
	f.StringVar(&rf.req.Image, "image", "", "container image of the nodes, instead of the official one of the target (goes with --provider docker)")
	cli.AddAtFlags(f, &rf.req.At, &rf.req.Operator)
	f.StringVar(&rf.req.Workload, "workload", runs.DefaultWorkload, "what clients do")
	f.StringArrayVar(&rf.workloadSets, "workload-set", nil, "setting of the workload, name=value (repeatable)")
	f.StringVar(&rf.req.Weights, "weights", "", "shares of the operations, such as read=3,write=1")
	f.IntVar(&rf.req.Keys, "keys", 0, "keys in use at a time (default: the workload's)")
	f.IntVar(&rf.req.OpsPerKey, "ops-per-key", 0, "operations after which a key is retired (default: the workload's)")
	f.IntVar(&rf.req.MaxInfoPerKey, "max-info-per-key", 0, "indeterminate operations after which a key is retired (default 8)")
	f.StringVar(&rf.req.Session, "session", harness.SessionRoam, "stay: a session keeps to its node; roam: it asks another node each time")
	f.StringVar(&rf.req.Concurrency, "concurrency", runs.DefaultConcurrency, "clients at once: a number, or a multiple of the nodes such as 2n")
	f.Float64Var(&rf.req.Rate, "rate", runs.DefaultRate, "operations a second over all clients; 0: as fast as answers come")
	f.DurationVar(&rf.req.Duration, "duration", runs.DefaultDuration, "how long the load lasts")
	f.DurationVar(&rf.req.OpTimeout, "op-timeout", runs.DefaultOpTimeout, "deadline of each operation")
	f.DurationVar(&rf.req.Settle, "settle", runs.DefaultSettle, "pause between the last healing and the final reads")
	f.StringVar(&rf.req.Faults, "faults", "", "what to break, such as partition,kill,pause")
	f.DurationVar(&rf.req.FaultInterval, "fault-interval", 0, "time between faults (default: chosen by the duration)")
	f.DurationVar(&rf.req.FaultHold, "fault-hold", 0, "how long a fault lasts (default: chosen by the duration)")
	f.StringVar(&rf.req.FaultMode, "fault-mode", "one-at-a-time", "one-at-a-time, or mixed: two faults at a time, such as a killed node behind a cut")
	f.StringVar(&rf.req.Models, "model", "", "consistency models to check, comma-separated (default: the workload's)")
	f.Uint64Var(&rf.req.Seed, "seed", 0, "seed of every random choice (default: drawn and printed)")
	f.StringVar(&rf.expect, "expect", "", "held or violated: exit 0 if the run ends so, 1 if it ends the other way")
	f.BoolVar(&rf.dryRun, "dry-run", false, "check everything and print what would be run")
	sf.add(c)
	a.AddRunFlags(c)
	return c
}

// suiteRunFlags are the flags that go with a suite; the others are keys of its file.
var suiteRunFlags = []string{"seed", "resume", "baseline", "dry-run", "output", "progress", "progress-interval", "data-dir",
	"check-time", "check-memory", "max-violations", "json", "out", "cache"}

func (a *app) runSuiteWith(cmd *cobra.Command, ref string, rf *requestFlags, sf *suiteFlags) error {
	var wrong error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(suiteRunFlags, f.Name) {
			wrong = targets.Usagef("--%s does not go with a suite: set it in %s", f.Name, ref)
		}
	})
	if wrong != nil {
		return wrong
	}
	var seed *uint64
	if rf.req.Seeded {
		seed = &rf.req.Seed
	}
	if rf.dryRun {
		return a.validate(cmd, ref, seed)
	}
	return a.runSuite(cmd, ref, sf, seed)
}

func (a *app) run(cmd *cobra.Command, rf *requestFlags) error {
	if err := runner.CheckExpect(rf.expect); err != nil {
		return err
	}
	var err error
	if rf.req.Options, err = cli.ParseSets("set", rf.sets); err != nil {
		return err
	}
	if rf.req.WorkloadOptions, err = cli.ParseSets("workload-set", rf.workloadSets); err != nil {
		return err
	}
	env, err := a.Environment()
	if err != nil {
		return err
	}
	for flag, d := range map[string]time.Duration{"duration": rf.req.Duration, "op-timeout": rf.req.OpTimeout} {
		if d == 0 { // a request takes it for the default
			return targets.Usagef("--%s 0s: must be longer", flag)
		}
	}
	planned, err := runs.Plan(cmd.Context(), rf.req, env)
	if err != nil {
		return err
	}
	if rf.dryRun {
		return output.PrintPlan(a.App, planned)
	}
	return runner.CarryOut(a.App, cmd, planned, env, rf.expect)
}
