package targets_test

import (
	"testing"

	"github.com/lapse-test/lapse/targets"
)

// named is a target of which nothing but its name is asked.
type named struct {
	targets.Target
	name string
}

func (n named) Info() targets.Info { return targets.Info{Name: n.name} }

// TestByName: where one is known alone, the way to the others is said.
func TestByName(t *testing.T) {
	one, two := named{name: "one"}, named{name: "two"}
	for name, c := range map[string]struct {
		known []targets.Target
		want  string
	}{
		"two are known": {[]targets.Target{one, two}, `no target "three"; there are: one, two`},
		"one is known":  {[]targets.Target{one}, "no target \"three\": this program was built with one alone; the lapse of `make build` has them all"},
	} {
		if _, err := targets.ByName(c.known, "three"); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if got, err := targets.ByName(c.known, "one"); err != nil || got != targets.Target(one) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
