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

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name   string
		system any
		want   []ability.Ability
	}{
		{"none", nil, []ability.Ability{}},
		{"no interface", plain{}, []ability.Ability{}},
		{"restart", restarter{}, []ability.Ability{ability.Restart}},
		{"restart and clock", bender{}, []ability.Ability{ability.Restart, ability.Clock}},
	} {
		got := ability.Of(c.system)
		if got == nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		for _, a := range ability.All() {
			if a.In(c.system) != slices.Contains(c.want, a) {
				t.Errorf("%s: %s is said to be %t", c.name, a, a.In(c.system))
			}
		}
	}
}

func TestWords(t *testing.T) {
	seen := map[ability.Ability]bool{}
	for _, a := range ability.All() {
		if seen[a] || a == "" || a.Meaning() == string(a) {
			t.Errorf("%q is there twice, or has no meaning: %q", a, a.Meaning())
		}
		seen[a] = true
	}
	if unknown := ability.Ability("flight"); unknown.Meaning() != "flight" || unknown.In(bender{}) {
		t.Error("an ability that is not there is had")
	}
}
