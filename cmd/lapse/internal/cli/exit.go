package cli

import (
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
)

// ExitError ends the command with Code and, if Text is not empty, a line.
type ExitError struct {
	Code int
	Text string
}

// Error is Text, which is empty where the exit code says it all.
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
			fmt.Fprintln(a.Notes(), "lapse: "+exit.Text)
		}
		return exit.Code
	}
	code := runs.ExitOf(err)
	if code == verdict.ExitBug {
		fmt.Fprintf(a.Stderr, "lapse: %v\nThis is a bug in lapse, not a verdict.\n", err)
		return code
	}
	fmt.Fprintf(a.Notes(), "lapse: %v\n", err)
	return code
}
