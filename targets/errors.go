package targets

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
)

// UsageError is bad input: one sentence that names the place and the way out.
type UsageError struct {
	// Text is the whole sentence.
	Text string
}

// Error is Text.
func (e *UsageError) Error() string { return e.Text }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// UnknownTargetError is a UsageError: somebody asked for a target that this program does not know.
type UnknownTargetError struct {
	// Name is what was asked for, Known what there is.
	Name  string
	Known []string
}

// Error names what there is.
func (e *UnknownTargetError) Error() string {
	return fmt.Sprintf("no target %q; there are: %s", e.Name, strings.Join(e.Known, ", "))
}

// Unwrap is the UsageError that e is.
func (e *UnknownTargetError) Unwrap() error { return &UsageError{e.Error()} }

// Unavailable says that the environment kept lapse from doing something: a
// *cluster.EnvironmentError, unless err is of the user's input already. One that is such an error says itself what was being done.
func Unavailable(doing string, err error) error {
	var environment *cluster.EnvironmentError
	if errors.As(err, &environment) && err.Error() == environment.Error() {
		return err
	}
	var usage *UsageError
	if errors.As(err, &usage) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return &cluster.EnvironmentError{Doing: doing, Err: err}
}
