package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/runner"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
)

// seedsRow is a defect in a line of the table of many seeds.
const seedsRow = "%-32s  %8s  %6s  %7s  %12s  %s\n"

// selftestSeeds makes the table of many seeds, also of what was done before an interrupt.
func (a *app) selftestSeeds(cmd *cobra.Command, cases []runs.Case, asked runs.Seeded, p *runner.Choice, env runs.Environment) error {
	kind, err := a.ProgressKind()
	if err != nil {
		return err
	}
	began := time.Now()
	asked.Whole = runs.Whole(began)
	fmt.Fprintf(a.Notes(), "lapse %s · seeds %d to %d · %s, each with it and without: about %s · %s at once · %s\n", runs.Version(), asked.First, asked.First+uint64(asked.Seeds)-1,
		text.Plural(len(cases), "defect"), duration.Text(estimateSeeds(cases, asked)), text.Plural(asked.Parallel, "run"), p.Reason)
	env.Progress = harness.Silent{}
	asked.Tell = func(done, of int, what string) {
		switch kind {
		case "none":
		case "json":
			// A line that cannot be written is missed by nobody who could be told.
			_ = json.NewEncoder(a.Notes()).Encode(struct {
				Done int    `json:"done"`
				Of   int    `json:"of"`
				Text string `json:"text"`
			}{done, of, what})
		default:
			fmt.Fprintf(a.Notes(), "  %d/%d, %s: %s\n", done, of, duration.Text(time.Since(began)), what)
		}
	}
	all, err := runs.SelftestSeeds(cmd.Context(), cases, asked, p.Provider, p.Reason, env)
	if all == nil {
		return err
	}
	passed := 0
	for i := range all {
		if all[i].Passed() {
			passed++
		}
	}
	if a.JSON {
		if err := a.PrintJSON(all); err != nil {
			return err
		}
	} else {
		a.printSeedsTable(all)
		fmt.Fprintln(a.Text, seedsSummary(passed, len(all), asked.Seeds, err != nil, time.Since(began)))
	}
	switch {
	case err != nil:
		return err
	case passed < len(all):
		return &cli.ExitError{Code: verdict.ExitViolated}
	}
	return nil
}

// seedsSummary is the line below the table: how many of the defects were found in enough of the seeds. Where an interrupt came first, the defects may
// have had different numbers of them.
func seedsSummary(passed, defects, seeds int, interrupted bool, took time.Duration) string {
	enough := fmt.Sprintf("%d of %s", runs.EnoughOf(seeds), text.Plural(seeds, "seed"))
	began := ""
	if interrupted {
		enough = fmt.Sprintf("%d %% of the seeds it had", 100*runs.FoundShare.Hits/runs.FoundShare.Of)
		began = fmt.Sprintf("interrupted before all runs with %s were over: until then ", text.Plural(seeds, "seed"))
	}
	return fmt.Sprintf("%s%d of %s found within %s in at least %s, and the correct store never blamed (%s)", began, passed, text.Plural(defects, "defect"),
		duration.Text(runs.FoundWithin), enough, duration.Text(took))
}

// estimateSeeds is about how long the cases take with many seeds. It is too much where cases share their controls.
func estimateSeeds(cases []runs.Case, asked runs.Seeded) time.Duration {
	return (estimate(cases) * time.Duration(asked.Seeds) / time.Duration(asked.Parallel)).Round(time.Second)
}

func (a *app) printSeedsTable(all []runs.SeedsTested) {
	fmt.Fprintf(a.Text, seedsRow, "defect", "found in", "median", "slowest", "held without", "by")
	for i := range all {
		s := &all[i]
		models := slices.SortedFunc(maps.Keys(s.By), func(a, b string) int { return cmp.Or(s.By[b]-s.By[a], strings.Compare(a, b)) })
		for i, m := range models {
			models[i] = fmt.Sprintf("%s %d", m, s.By[m])
		}
		fmt.Fprintf(a.Text, seedsRow, s.Defect, fmt.Sprintf("%d of %d", s.Found, s.Seeds), fmt.Sprintf("%.1f s", s.Median()), fmt.Sprintf("%.1f s", s.Slowest()),
			fmt.Sprintf("%d of %d", s.Held, s.Controls), strings.Join(models, ", "))
		for _, odd := range []struct {
			what string
			runs []runs.SeedRun
		}{{"missed", s.Missed}, {a.Style.Red("BLAMED without it"), s.Blamed}, {"without it, no verdict", s.Thin}} {
			for _, r := range odd.runs {
				fmt.Fprintf(a.Text, "    %s: seed %d %s %s\n", odd.what, r.Seed, r.Run, r.Why)
			}
		}
	}
}

// checkSeeds refuses flags of many seeds that ask for nothing.
func checkSeeds(cmd *cobra.Command, asked *runs.Seeded) error {
	given := cmd.Flags().Changed
	switch {
	case given("seeds") && asked.Seeds < 1:
		return targets.Usagef("--seeds %d: must be 1 or more", asked.Seeds)
	case given("seeds") && given("soak"):
		return targets.Usagef("--soak: it makes correct runs alone, with seeds of its own; leave out --soak or --seeds")
	case given("parallel") && !given("seeds"):
		return targets.Usagef("--parallel: only runs of --seeds are made at once; add --seeds, or leave it out")
	case asked.Parallel < 1 || asked.Parallel > mostAtOnce:
		return targets.Usagef("--parallel %d: must be 1 to %d", asked.Parallel, mostAtOnce)
	}
	return nil
}

// mostAtOnce is how many clusters may be asked for at once: networks and processes are finite.
const mostAtOnce = 64
