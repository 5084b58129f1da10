package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/cmd/lapse/internal/runner"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/providers"
)

// requestFlags are the flags from which a plan is made.
type requestFlags struct {
	req    runs.Request
	expect string
	dryRun bool
	host   hostFlags
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
	settings.AddFlags(f, &rf.req)
	f.StringVar(&rf.expect, "expect", "", "held or violated: exit 0 if the run ends so, 1 if it ends the other way")
	f.BoolVar(&rf.dryRun, "dry-run", false, "check everything and print what would be run")
	rf.host.add(f)
	sf.add(c)
	a.AddRunFlags(c)
	return c
}

// suiteRunFlags are the flags that go with a suite; the others are keys of its file.
var suiteRunFlags = []string{"seed", "resume", "baseline", "dry-run", "output", "progress", "progress-interval", "metrics", "data-dir",
	"check-time", "check-memory", "max-violations", "json", "out", "cache"}

// notWithSuite says where the file of a suite has what a flag sets.
func notWithSuite(flag, ref string) error {
	s, ok := settings.OfFlag(flag)
	if !ok || s.Place() == "" {
		return targets.Usagef("--%s does not go with a suite, and its file has no key for it", flag)
	}
	return targets.Usagef("--%s does not go with a suite: set %s in %s", flag, s.Place(), ref)
}

func (a *app) runSuiteWith(cmd *cobra.Command, ref string, rf *requestFlags, sf *suiteFlags) error {
	var wrong error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(suiteRunFlags, f.Name) {
			wrong = notWithSuite(f.Name, ref)
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
		if _, err := input.Baseline(a.App, sf.baseline); err != nil {
			return err
		}
		return a.validate(cmd, ref, seed)
	}
	return a.runSuite(cmd, ref, sf, seed)
}

func (a *app) run(cmd *cobra.Command, rf *requestFlags) error {
	if err := runner.CheckExpect(rf.expect); err != nil {
		return err
	}
	env, err := a.Environment()
	if err != nil {
		return err
	}
	if host, whole := providers.Hosts(a.Providers)[rf.req.Provider]; whole {
		return a.runElsewhere(cmd, rf, host, env)
	}
	if err := a.takeTarget(cmd, &rf.req); err != nil {
		return err
	}
	if err := rf.host.unused(cmd.Flags(), rf.req.Provider); err != nil {
		return err
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
