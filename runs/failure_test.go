package runs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

func TestExitOf(t *testing.T) {
	usage, bug := targets.Usagef("no"), errors.New("this cannot be")
	environment := &cluster.EnvironmentError{Doing: "starting it", Err: bug}
	_, missing := os.ReadFile(filepath.Join(t.TempDir(), "none"))
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"none":                            {nil, verdict.ExitHeld},
		"usage":                           {fmt.Errorf("a: %w", usage), verdict.ExitUsage},
		"several runs":                    {&store.SeveralError{}, verdict.ExitUsage},
		"no such run":                     {&store.NotFoundError{}, verdict.ExitUsage},
		"environment":                     {fmt.Errorf("a: %w", environment), verdict.ExitEnvironment},
		"a file that lapse wants":         {fmt.Errorf("a: %w", missing), verdict.ExitEnvironment},
		"a full disk":                     {fmt.Errorf("a: %w", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}), verdict.ExitEnvironment},
		"interrupted":                     {fmt.Errorf("a: %w", context.Canceled), verdict.ExitInterrupted},
		"interrupted in the environment":  {&cluster.EnvironmentError{Doing: "fetching it", Err: fmt.Errorf("a: %w", context.Canceled), Way: "b"}, verdict.ExitInterrupted},
		"a deadline":                      {fmt.Errorf("a: %w", context.DeadlineExceeded), verdict.ExitEnvironment},
		"anything else":                   {fmt.Errorf("a: %w", bug), verdict.ExitBug},
		"usage, twice":                    {errors.Join(usage, usage), verdict.ExitUsage},
		"environment and a bug":           {fmt.Errorf("a: %w", errors.Join(environment, bug)), verdict.ExitBug},
		"usage and environment":           {errors.Join(usage, environment), verdict.ExitEnvironment},
		"environment within two messages": {fmt.Errorf("a: %w; %w", usage, environment), verdict.ExitEnvironment},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ExitOf(c.err); got != c.want {
				t.Errorf("%v is exit %d, want %d", c.err, got, c.want)
			}
		})
	}
}
