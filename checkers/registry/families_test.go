package registry

import (
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
)

// TestFamilies wants every model in one family, and none before one that implies it.
func TestFamilies(t *testing.T) {
	var all []string
	for _, f := range checkers.Families() {
		names := checkers.NamesOf(InFamily(f))
		all = append(all, names...)
		for i, weak := range names {
			for _, strong := range names[i+1:] {
				if Lattice().Implies(strong, weak) && !Lattice().Implies(weak, strong) {
					t.Errorf("%s: %s comes before %s, which implies it", f, weak, strong)
				}
			}
		}
	}
	want := Names()
	slices.Sort(all)
	slices.Sort(want)
	if !slices.Equal(all, want) {
		t.Errorf("in families: %v\nmodels: %v", all, want)
	}
}
