package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
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
	addAtFlags(f, &rf.req.At, &rf.req.Operator)
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
	a.addRunFlags(c)
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
	if err := checkExpect(rf.expect); err != nil {
		return err
	}
	var err error
	if rf.req.Options, err = parseSets("set", rf.sets); err != nil {
		return err
	}
	if rf.req.WorkloadOptions, err = parseSets("workload-set", rf.workloadSets); err != nil {
		return err
	}
	env, err := a.environment()
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
		return a.printPlan(planned)
	}
	return a.carryOut(cmd, planned, env, rf.expect)
}

// printPlan prints what a run would do: its load, its models, its faults.
func (a *app) printPlan(p *runs.Planned) error {
	if a.json {
		return a.printJSON(p.Plan)
	}
	w := a.stdout
	fmt.Fprintln(w, headline(p.Plan, "provider "+p.Plan.Provider))
	fmt.Fprintf(w, "  %-8s %s\n", "models", strings.Join(p.Plan.Models, ", "))
	if len(p.Plan.Schedule.Steps) == 0 {
		fmt.Fprintf(w, "  %-8s none\n", "faults")
	}
	for i, s := range p.Plan.Schedule.Steps {
		fmt.Fprintf(w, "  fault %-2d at %s for %s: %s %s\n", i+1, s.At.Round(time.Millisecond), s.Hold.Round(time.Millisecond), s.Fault, strings.Join(s.Nodes, ", "))
	}
	fmt.Fprintln(a.stderr, "nothing was run: without --dry-run it is")
	return nil
}

func checkExpect(expect string) error {
	switch expect {
	case "", string(checkers.Held), string(checkers.Violated):
		return nil
	}
	return targets.Usagef("--expect %s: must be held or violated", expect)
}

// carryOut runs a plan, inside the sandbox if that is where nodes run, and says
// what came of it.
func (a *app) carryOut(cmd *cobra.Command, planned *runs.Planned, env runs.Environment, expect string) error {
	place, err := a.place(cmd.Context(), planned, env)
	if err != nil {
		return err
	}
	if place.exited {
		return place.exit()
	}
	fmt.Fprintln(a.stderr, headline(planned.Plan, place.reason))
	finished, err := runs.Run(cmd.Context(), planned, place.provider, place.reason, env)
	if finished == nil {
		return err
	}
	if err != nil {
		fmt.Fprintln(a.stderr, "lapse: "+err.Error())
	}
	exit := finished.Summary.Exit
	if expect != "" {
		exit = expected(*exit, expect)
		finished.Summary.Exit = exit
	}
	a.drawRun(finished.Dir)
	if a.json {
		if err := a.printJSON(&finished.Summary); err != nil {
			return err
		}
	} else {
		a.printFinished(finished)
	}
	return &exitError{code: exit.Code}
}

// expected turns round what counts as success.
func expected(e verdict.Exit, expect string) *verdict.Exit {
	want := map[string]int{string(checkers.Held): verdict.ExitHeld, string(checkers.Violated): verdict.ExitViolated}[expect]
	switch e.Code {
	case want:
		return &verdict.Exit{Code: verdict.ExitHeld, Reason: "as expected: " + expect}
	case verdict.ExitHeld, verdict.ExitViolated:
		return &verdict.Exit{Code: verdict.ExitViolated, Reason: fmt.Sprintf("expected %s, saw %s", expect, e.Reason)}
	}
	return &e
}

func headline(p *harness.Plan, reason string) string {
	rate := "as fast as answers come"
	if p.Rate > 0 {
		rate = fmt.Sprintf("%g op/s", p.Rate)
	}
	return fmt.Sprintf("lapse %s · seed %d · %s, %d nodes, write %s, read %s · %s, %d clients (%s), %s, %s · %s",
		runs.Version, p.Seed, p.Target, p.Nodes, p.WriteLevel, p.ReadLevel,
		p.Workload, p.Concurrency, p.Session, rate, time.Duration(p.Duration), reason)
}

// shownViolations is how many witnesses a run prints in full for each model.
const shownViolations = 1

func (a *app) printFinished(f *runs.Finished) {
	w := a.stdout
	text.PrintVerdicts(w, a.style, &f.Summary.Assessment)
	if f.History != nil {
		a.printViolations(f.History, &f.Summary.Assessment, shownViolations)
		text.PrintShards(w, figures.Shards(f.History))
	}
	fmt.Fprintf(w, "\nresult: %s (exit %d)\n", f.Summary.Exit.Reason, f.Summary.Exit.Code)
	fmt.Fprintf(w, "run:    %s   (report.html in it)\n", f.Dir.Path)
	fmt.Fprintf(w, "next:   %s\n", nextStep(f))
}

// nextStep is what a reader of the result does now.
func nextStep(f *runs.Finished) string {
	id := f.Dir.ID
	switch f.Summary.Status {
	case checkers.Violated:
		return fmt.Sprintf("lapse show %s (every witness) · lapse replay %s --until-violated 5 · lapse report %s -o report.html", id, id, id)
	case checkers.Held:
		return fmt.Sprintf("lapse show %s (the evidence) · lapse replay %s --until-violated 20", id, id)
	}
	return fmt.Sprintf("lapse show %s (what lacks); a longer --duration or a higher --rate gives more evidence", id)
}
