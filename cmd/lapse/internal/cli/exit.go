package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// ExitError ends the command with Code and, if Text is not empty, a line.
type ExitError struct {
	Code int
	Text string
}

func (e *ExitError) Error() string { return e.Text }

// ExitCode prints err, if there is something to print, and is the exit code that it
// stands for.
func (a *App) ExitCode(err error) int {
	if err == nil {
		return verdict.ExitHeld
	}
	var exit *ExitError
	if errors.As(err, &exit) {
		if exit.Text != "" {
			fmt.Fprintln(a.Stderr, "lapse: "+exit.Text)
		}
		return exit.Code
	}
	code := classify(err)
	if code == verdict.ExitBug {
		fmt.Fprintf(a.Stderr, "lapse: %v\nThis is a bug in lapse, not a verdict.\n", err)
		return code
	}
	fmt.Fprintf(a.Stderr, "lapse: %v\n", err)
	return code
}

// classify says which exit code an error stands for.
func classify(err error) int {
	var usage *targets.UsageError
	var missing *store.NotFoundError
	var ambiguous *store.AmbiguousError
	var env *cluster.EnvironmentError
	switch {
	case errors.As(err, &usage), errors.As(err, &missing), errors.As(err, &ambiguous), errors.Is(err, os.ErrNotExist):
		return verdict.ExitUsage
	case errors.As(err, &env):
		return verdict.ExitEnvironment
	case errors.Is(err, context.Canceled):
		return verdict.ExitInterrupted
	}
	return verdict.ExitEnvironment
}
