package runs

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"syscall"

	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// ExitOf is the exit code that an error stands for. Errors of the user's input and of
// the environment are typed; what the operating system or a network refuses, and a
// deadline that ran out, are the environment's too. Everything else is a bug in lapse.
// Of errors that are joined the worst counts.
func ExitOf(err error) int {
	for err != nil {
		switch e := err.(type) { //nolint:errorlint // this is the walk that errors.As does, with a branch for joined errors
		case *cluster.EnvironmentError:
			if ExitOf(e.Err) == verdict.ExitInterrupted {
				return verdict.ExitInterrupted // what had been begun would have gone well
			}
			return verdict.ExitEnvironment
		case *targets.UsageError, *store.NotFoundError, *store.SeveralError, *store.AmbiguousError, *store.DamagedError:
			return verdict.ExitUsage
		case *fs.PathError, *os.LinkError, *os.SyscallError, syscall.Errno,
			*net.OpError, *net.DNSError, *exec.Error, *exec.ExitError:
			return verdict.ExitEnvironment
		case interface{ Unwrap() []error }:
			return worst(e.Unwrap())
		}
		within := errors.Unwrap(err)
		if within != nil {
			err = within
			continue
		}
		switch {
		case errors.Is(err, context.Canceled):
			return verdict.ExitInterrupted
		case errors.Is(err, context.DeadlineExceeded):
			return verdict.ExitEnvironment
		}
		return verdict.ExitBug
	}
	return verdict.ExitHeld
}

func worst(list []error) int {
	code := verdict.ExitHeld
	for _, err := range list {
		c := ExitOf(err)
		if code == verdict.ExitHeld || code == verdict.ExitUsage && c != verdict.ExitHeld {
			code = c
			continue
		}
		code = verdict.WorseExit(code, c)
	}
	return code
}
