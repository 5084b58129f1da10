//go:build lapse_builtin

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/targets/quorumkv"
)

// With the tag lapse_builtin lapse knows its own store alone. `make run` builds that,
// because it takes a fraction of the time: no driver of another database and no client of
// a container engine has to be compiled.
func databases() []targets.Target { return []targets.Target{quorumkv.New()} }

func nodeProviders() []providers.Entry { return providers.Native() }

// hostFlags are none: nothing here carries out whole runs.
type hostFlags struct{}

func (*hostFlags) add(*pflag.FlagSet) {}

func (*hostFlags) unused(*pflag.FlagSet, string) error { return nil }

func (*app) runElsewhere(*cobra.Command, *requestFlags, cluster.Host, runs.Environment) error {
	return targets.Usagef("this lapse knows its own store alone, and carries out no runs elsewhere")
}

func (*app) besideCommands() []*cobra.Command { return nil }

// elsewhereKnown is err, with the way to the program that has them where a target was asked for that this one does not know.
func elsewhereKnown(err error) error {
	var unknown *targets.UnknownTargetError
	if !errors.As(err, &unknown) {
		return err
	}
	return fmt.Errorf("%w\nthis program, which `make run` built, knows that one alone: `make build` makes bin/lapse, which knows them all", err)
}
