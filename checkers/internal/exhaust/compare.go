package exhaust

import (
	"context"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
)

// Compare checks c against exhaustive search on random histories, short of them
// unless the environment asks for more (package seeds). A violation must be one; with exact
// set, whatever is not linearizable must be found too.
func Compare(t *testing.T, c checkers.Checker, cfg Config, short uint64, exact bool) {
	t.Helper()
	runs := seeds.Choose(t, short)
	legal, illegal, missed := 0, 0, 0
	for seed := range runs.All() {
		h, err := Random(seed, cfg)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := Linearizable(h)
		v, err := c.Check(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, Show(h))
		}
		got := v.Status != checkers.Violated
		if want {
			legal++
		} else {
			illegal++
		}
		switch {
		case want && !got:
			t.Fatalf("seed %d: %s is blamed for %v, but the history is linearizable\n%s", seed, c.Model().Name, v.Violations, Show(h))
		case !want && got && exact:
			t.Fatalf("seed %d: %s finds nothing, but the history is not linearizable\n%s", seed, c.Model().Name, Show(h))
		case !want && got:
			missed++
		}
	}
	t.Logf("%s: %d linearizable, %d not, of which %d were not found", runs, legal, illegal, missed)
	if legal == 0 || illegal == 0 {
		t.Errorf("the histories are one-sided: %d linearizable, %d not", legal, illegal)
	}
}
