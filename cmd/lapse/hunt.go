package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/runner"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/hunt"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// huntAsked are the settings of runs that say what is hunted in, and huntVaried those that
// a hunt varies unless they are given.
var (
	huntAsked  = []string{"target", "provider", "nodes", "write-level", "read-level", "set", "image", "at", "operator", "workload-set", "op-timeout", "settle", "model", "seed"}
	huntVaried = []string{"workload", "weights", "keys", "session", "concurrency", "rate", "duration", "linger", "faults"}
)

// huntFlags are those of the command.
type huntFlags struct {
	req             settings.Run
	from            string
	budget, replays string
	findings        int
	noShrink, keep  bool
	dryRun          bool
}

func (a *app) huntCommand() *cobra.Command {
	hf := &huntFlags{}
	c := &cobra.Command{
		Use:   "hunt",
		Short: "Search for the plan that breaks a promise, and make it small",
		Long: `Draw plans over workloads, loads, faults, their times, nodes and combinations, carry
each out, and go by what came near: plans that led to something new are changed and
tried again. What is found is made smaller while it still shows in 8 of 10 runs, and
told as one command, with its plan and its rate.

--from makes a plan small that is there already: that of a stored run that was
violated, a plan file, or a finding of the track record (lapse reproduce lists them).
The same model must break under the same promise.

The promise is --model; without it, what the target says that it promises. Whatever
else is given, such as --workload or --rate, is not varied. The budget is for all of
it, a time or a number of runs. Exit codes: 0 nothing found, 1 found, 2 no run was
evidence, 130 interrupted (with what was found until then); with --from 1 if what is
left shows the violation, 2 if no replay did.`,
		Example: `  lapse hunt --target quorumkv --write-level 2 --read-level 2 --set read_repair=blocking --set write_timestamps=quorum --budget 2m
  lapse hunt --target quorumkv --set mode=raft --model linearizable --budget 40runs --seed 7
  lapse hunt --target postgres --write-level local --set failover=on --model no-lost-writes --faults standard --budget 30m
  lapse hunt --from latest --budget 5m
  lapse hunt --from postgres-write-skew`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.hunt(cmd, hf) },
	}
	f := c.Flags()
	settings.AddFlags(f, &hf.req, append(append([]string{}, huntAsked...), huntVaried...)...)
	f.StringVar(&hf.from, "from", "", "search nothing, and make this small: a run that was violated, a plan file, or a finding of the track record")
	f.StringVar(&hf.budget, "budget", "10m", "what the hunt may take with all that belongs to it: a time, or a number of runs such as 50runs")
	f.IntVar(&hf.findings, "findings", 1, "end after so many different findings; 0: only with the budget")
	f.StringVar(&hf.replays, "replays", "8/10", "how often a smaller plan must show the violation")
	f.BoolVar(&hf.noShrink, "no-shrink", false, "leave the plans as they were found")
	f.BoolVar(&hf.keep, "keep", false, "keep runs that found nothing, too")
	f.BoolVar(&hf.dryRun, "dry-run", false, "check everything and print what would be searched")
	a.AddRunFlags(c)
	return c
}

// countedRuns is a budget in runs.
var countedRuns = regexp.MustCompile(`^([0-9]{1,7}) ?runs?$`)

// parseBudget reads a time or a number of runs.
func parseBudget(text string) (hunt.Budget, error) {
	if m := countedRuns.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n > 0 {
			return hunt.Budget{Runs: n}, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second {
		return hunt.Budget{}, targets.Usagef("--budget %s: must be a time of at least 1s, such as 10m, or a number of runs, such as 50runs", text)
	}
	return hunt.Budget{Time: d}, nil
}

// replayShare is how often of how many.
var replayShare = regexp.MustCompile(`^([0-9]{1,4})/([0-9]{1,4})$`)

func parseReplays(text string) (hunt.Share, error) {
	if m := replayShare.FindStringSubmatch(text); m != nil {
		hits, _ := strconv.Atoi(m[1]) // digits, few
		of, _ := strconv.Atoi(m[2])
		if hits > 0 && hits <= of {
			return hunt.Share{Hits: hits, Of: of}, nil
		}
	}
	return hunt.Share{}, targets.Usagef("--replays %s: must be so many of so many runs, such as 8/10", text)
}

func (a *app) hunt(cmd *cobra.Command, hf *huntFlags) error {
	o := hunt.Options{Findings: hf.findings, NoShrink: hf.noShrink}
	var err error
	if o.Budget, err = parseBudget(hf.budget); err != nil {
		return err
	}
	if o.Replays, err = parseReplays(hf.replays); err != nil {
		return err
	}
	if cmd.Flags().Changed("from") {
		return a.huntFrom(cmd, hf, o)
	}
	var fixed []string
	for _, name := range append([]string{"workload-set"}, huntVaried...) {
		if cmd.Flags().Changed(name) {
			fixed = append(fixed, name)
		}
	}
	switch {
	case hf.findings < 0:
		return targets.Usagef("--findings %d: must be a number of findings, or 0 for as many as there are", hf.findings)
	case cmd.Flags().Changed("workload-set") && !cmd.Flags().Changed("workload"):
		return targets.Usagef("--workload-set: these are settings of one workload; name it with --workload")
	}
	if err := a.takeTarget(cmd, &hf.req); err != nil {
		return err
	}
	env, err := a.Environment()
	if err != nil {
		return err
	}
	if o.Seed = hf.req.Seed; !hf.req.Seeded {
		o.Seed = rand.Uint64N(1 << 53) // exact as a JSON number anywhere
	}
	space, err := hunt.NewSpace(cmd.Context(), hf.req, fixed, env)
	if err != nil {
		return err
	}
	first, err := space.First(cmd.Context(), o.Seed)
	if err != nil {
		return err
	}
	if hf.dryRun {
		return a.printSpace(space, o)
	}
	// Any later run may move clocks, and what servers need for that is fetched while there is
	// a network.
	first.Config.Clocks = nemesis.Need(space.Faults, ability.Clock)
	chosen, err := runner.Choose(cmd.Context(), a.App, first, env)
	if err != nil {
		return err
	}
	if chosen.Exited {
		return chosen.Exit()
	}
	doc := &huntDocument{Target: space.Base.Target, WriteLevel: space.Base.WriteLevel, ReadLevel: space.Base.ReadLevel, Budget: hf.budget}
	return a.carryOutHunt(cmd, &hunting{doc: doc, headline: huntHeadline(space, o, chosen.Reason), leftOut: space.LeftOut, keep: hf.keep, chosen: chosen, env: env, options: o,
		search: func(ctx context.Context, c hunt.Carrier, o hunt.Options) (*hunt.Result, error) {
			return hunt.Search(ctx, space, c, o)
		}, exit: huntExit})
}

// hunting is what is hunted, how, and where.
type hunting struct {
	// doc has what is known beforehand.
	doc      *huntDocument
	headline string
	// leftOut are the faults that the target cannot have.
	leftOut []history.LeftOut
	keep    bool
	chosen  *runner.Choice
	env     runs.Environment
	options hunt.Options
	search  func(context.Context, hunt.Carrier, hunt.Options) (*hunt.Result, error)
	exit    func(*hunt.Result, error) verdict.Exit
}

func (a *app) carryOutHunt(cmd *cobra.Command, g *hunting) error {
	began := time.Now()
	dir, err := store.CreateHunt(g.env.Out, store.NewID(began, rand.Uint32()))
	if err != nil {
		return &cluster.EnvironmentError{Doing: "keeping what the hunt finds", Err: err, Way: "name a writable directory with --out"}
	}
	fmt.Fprintln(a.Notes(), g.headline)
	progress, err := a.huntProgress()
	if err != nil {
		return err
	}
	g.options.Tell = progress.tell
	real := &hunt.Real{
		Provider: g.chosen.Provider, Reason: g.chosen.Reason, Env: g.env, Whole: "hunt " + dir.ID, KeepAll: g.keep,
		// What runs in a sandbox ends with this process, whose kernel removes all of it.
		Leave: g.chosen.Provider.Name() == sandbox.Name,
	}
	res, huntErr := g.search(cmd.Context(), real, g.options)
	progress.end()
	doc := g.doc
	doc.Hunt, doc.Dir, doc.Lapse, doc.Result = dir.ID, dir.Path, runs.Version(), res
	files, err := res.SavePlans(dir)
	if err != nil {
		return err
	}
	for i, f := range res.Findings {
		doc.Plans = append(doc.Plans, huntPlan{Kind: f.Kind, File: files[i], Command: runs.Command(f.Plan)})
	}
	doc.Exit = g.exit(res, huntErr)
	if err := dir.WriteJSON(store.FileHunt, doc); err != nil {
		return err
	}
	if huntErr != nil {
		fmt.Fprintln(a.Stderr, "lapse: "+huntErr.Error())
	}
	if a.JSON {
		if err := a.PrintJSON(doc); err != nil {
			return err
		}
	} else {
		a.printHunt(doc, g.leftOut)
	}
	return &cli.ExitError{Code: doc.Exit.Code}
}

// huntExit is what a hunt ends with: what was found, what went wrong, or what there was
// no evidence of.
func huntExit(res *hunt.Result, err error) verdict.Exit {
	e := verdict.Exit{Code: verdict.ExitHeld, Reason: "nothing was found"}
	worse := func(code int, reason string) {
		if w := verdict.WorseExit(e.Code, code); w != e.Code {
			e = verdict.Exit{Code: w, Reason: reason}
		}
	}
	for _, m := range res.Models {
		if m.Held == 0 && m.Violated == 0 {
			worse(verdict.ExitInconclusive, fmt.Sprintf("no run was enough evidence for %s", m.Model))
		}
	}
	if res.Interrupted {
		worse(verdict.ExitInterrupted, store.StateInterrupted)
	}
	if err != nil {
		worse(runs.ExitOf(err), err.Error())
	}
	for _, f := range res.Findings {
		if !f.Known {
			worse(verdict.ExitViolated, "found: "+f.Kind.String())
		}
	}
	return e
}
