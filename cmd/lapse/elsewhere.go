//go:build !lapse_builtin

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/kubernetes"
)

// hostFlags say where a whole run is carried out, for --provider kubernetes. They are of the user's
// place, and no part of the plan.
type hostFlags struct{ kubernetes.Provider }

// hostFlagNames are theirs.
var hostFlagNames = []string{"lapse-image", "kubeconfig", "context", "namespace-prefix", "volume", "storage-class"}

func (h *hostFlags) add(f *pflag.FlagSet) {
	f.StringVar(&h.Image, "lapse-image", "", "provider kubernetes: image that has lapse as its entry point (docker build -t NAME .)")
	f.StringVar(&h.Kubeconfig, "kubeconfig", "", "provider kubernetes: path of a kubeconfig (default: what kubectl takes)")
	f.StringVar(&h.Context, "context", "", "provider kubernetes: context of the kubeconfig (default: the current one)")
	f.StringVar(&h.Prefix, "namespace-prefix", "lapse", "provider kubernetes: what the name of the run's namespace begins with")
	f.StringVar(&h.Volume, "volume", "", "provider kubernetes: size of each node's claim, such as 1Gi, which faults that take pods away need (default: no claim)")
	f.StringVar(&h.Class, "storage-class", "", "provider kubernetes: storage class of the claims (default: the cluster's own)")
}

// unused refuses them where they say nothing.
func (h *hostFlags) unused(f *pflag.FlagSet, provider string) error {
	for _, name := range hostFlagNames {
		if f.Changed(name) {
			return targets.Usagef("--%s: it goes with --provider %s, and this is --provider %s", name, h.Name(), provider)
		}
	}
	return nil
}

// toldThere are the flags besides those of the plan that lapse is given there as they are given here,
// and notThere those that have no sense there.
var (
	toldThere = []string{"expect", "progress-interval", "check-time", "check-memory", "max-violations"}
	notThere  = []string{"metrics", "data-dir"}
)

// runElsewhere has a host carry out the run.
func (a *app) runElsewhere(cmd *cobra.Command, rf *requestFlags, known cluster.Host, env runs.Environment) error {
	host, mine := known, &rf.host.Provider
	if _, is := known.(*kubernetes.Provider); is {
		host = mine
		if err := mine.Check(); err != nil {
			return targets.Usagef("%v", err)
		}
	}
	for _, name := range notThere {
		if cmd.Flags().Changed(name) {
			return targets.Usagef("--%s: it is of this machine, and the run is carried out elsewhere; leave it out with --provider %s", name, rf.req.Provider)
		}
	}
	there, err := runs.PlanElsewhere(cmd.Context(), rf.req, env, host)
	if err != nil {
		return err
	}
	if rf.dryRun {
		return output.PrintPlan(a.App, there.Planned)
	}
	e := there.Errand
	// What is checked after the load is no reason to remove the namespace.
	e.Lasts += a.Budget.Time * time.Duration(len(there.Planned.Models))
	cmd.Flags().Visit(func(f *pflag.Flag) {
		for _, name := range toldThere {
			if f.Name == name {
				e.Args = append(e.Args, "--"+name, f.Value.String())
			}
		}
	})
	e.Args = append(e.Args, "--progress", "plain", "--out", kubernetes.RunsDir)
	e.Out, e.Said = env.Out, a.Stdout
	if a.JSON {
		e.Said = a.Stderr
	}
	e.Note = func(line string) { fmt.Fprintln(a.Notes(), "  "+line) }
	if err := host.MayHost(cmd.Context(), e); err != nil {
		return err
	}
	returned, err := host.CarryOut(cmd.Context(), e)
	if err != nil && cmd.Context().Err() != nil && returned.Run == "" {
		return &cli.ExitError{Code: verdict.ExitInterrupted, Text: err.Error()}
	}
	if err != nil && returned == (cluster.Returned{}) {
		return err // it has not ended there
	}
	return a.returned(returned, env.Out, err)
}

// returned says what came back of a run that was carried out elsewhere. What went wrong besides is
// said, and is the command's exit code where the run has none or held.
func (a *app) returned(r cluster.Returned, out string, err error) error {
	code, odd := codeOf(r)
	if err == nil {
		err = odd
	}
	if r.Run == "" {
		if err == nil && code != verdict.ExitHeld {
			return &cli.ExitError{Code: code}
		}
		return err
	}
	store.Point(out, r.Run)
	if a.JSON {
		dir, openErr := store.Open(out, r.Run)
		var s store.Summary
		if openErr == nil {
			openErr = dir.ReadJSON(store.FileRun, &s)
		}
		if openErr == nil {
			openErr = a.PrintJSON(&s)
		}
		err = errors.Join(err, openErr)
	}
	if err != nil && code == verdict.ExitHeld {
		return err
	}
	if err != nil {
		fmt.Fprintln(a.Stderr, "lapse: "+err.Error())
	}
	return &cli.ExitError{Code: code}
}

// codeOf is the exit code that a run elsewhere stands for. Its error says that the one there is no verdict: there
// is no run for it, or lapse has not ended by itself.
func codeOf(r cluster.Returned) (int, error) {
	const doing = "looking at how lapse in the cluster ended"
	switch r.Code {
	case verdict.ExitHeld, verdict.ExitViolated, verdict.ExitInconclusive:
		if r.Run != "" {
			return r.Code, nil
		}
		return verdict.ExitEnvironment, &cluster.EnvironmentError{Doing: doing, Err: fmt.Errorf("its exit code is %d, and it has left no run", r.Code), Way: "see whether the image has lapse as its entry point (--lapse-image)"}
	case verdict.ExitEnvironment, verdict.ExitUsage, verdict.ExitBug, verdict.ExitInterrupted:
		return r.Code, nil
	}
	return verdict.ExitEnvironment, &cluster.EnvironmentError{Doing: doing, Err: fmt.Errorf("it was ended from outside, with exit code %d", r.Code)}
}
