package external

import (
	"errors"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
)

// TestJoinsAtTheRunsAddresses: what the run names otherwise is not joined, be it only in another order, in which n1 would be
// another node; the same addresses are looked at.
func TestJoinsAtTheRunsAddresses(t *testing.T) {
	looked := errors.New("it was looked at")
	kind := Kind{Joins: true, At: []string{"a:1", "b:1"}, Visit: func(Stay, targets.Config) (Driver, error) {
		return nil, looked
	}}
	for _, c := range []struct {
		at    []string
		taken bool
	}{
		{[]string{"a:1", "b:1"}, true},
		{[]string{"b:1", "a:1"}, false},
		{[]string{"a:1"}, false},
		{[]string{"a:1", "b:2"}, false},
	} {
		_, err := target{kind}.Join(t.Context(), targets.Config{}, c.at)
		var usage *targets.UsageError
		if c.taken != errors.Is(err, looked) || !c.taken && (!errors.As(err, &usage) || !strings.Contains(err.Error(), strings.Join(c.at, ", "))) {
			t.Errorf("%v: %v", c.at, err)
		}
	}
}
