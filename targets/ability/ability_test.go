package ability_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/ability"
)

type plain struct{}

type restarter struct{}

func (restarter) Restart(context.Context, string) error { return nil }
func (restarter) Ready(context.Context, string) error   { return nil }

type bender struct{ restarter }

func (bender) BendClock(context.Context, string, time.Duration) (time.Duration, error) { return 0, nil }
func (bender) StepClock(context.Context, string, time.Duration) error                  { return nil }
func (bender) ReadClock(context.Context, string) (time.Duration, error)                { return 0, nil }

func TestIn(t *testing.T) {
	for _, c := range []struct {
		name           string
		system         any
		restart, clock bool
	}{
		{"none", nil, false, false},
		{"no interface", plain{}, false, false},
		{"restart", restarter{}, true, false},
		{"restart and clock", bender{}, true, true},
	} {
		if got := ability.Restart.In(c.system); got != c.restart {
			t.Errorf("%s: restart is said to be %t", c.name, got)
		}
		if got := ability.Clock.In(c.system); got != c.clock {
			t.Errorf("%s: clock is said to be %t", c.name, got)
		}
	}
}

func TestSame(t *testing.T) {
	some := []ability.Ability{ability.Clock, ability.Restart}
	if !slices.Contains(some, ability.Restart) || slices.Contains(some, ability.Lag) {
		t.Error("abilities do not compare as what they are")
	}
}
