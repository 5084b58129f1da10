package targets_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// TestUnavailable: what was being done is said once, by who knows it best.
func TestUnavailable(t *testing.T) {
	starting := &cluster.EnvironmentError{Doing: "starting Redis", Err: errors.New("no"), Way: "see the logs"}
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("no"), "starting redis: no"},
		{starting, "starting Redis: no; see the logs"},
		{fmt.Errorf("n1: %w", starting), "starting redis: n1: starting Redis: no; see the logs"},
		{targets.Usagef("--nodes 0"), "starting redis: --nodes 0"},
	} {
		err := targets.Unavailable("starting redis", c.err)
		if err.Error() != c.want {
			t.Errorf("%q, want %q", err, c.want)
		}
		var environment *cluster.EnvironmentError
		var usage *targets.UsageError
		if errors.As(err, &environment) == errors.As(err, &usage) {
			t.Errorf("%q is of the surroundings and of the user's input, or of neither", err)
		}
	}
}
