package set

import (
	"context"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
)

// againstDefinition compares verdicts on random histories with what is wrong with them by the definition, nothing or words for it, and has the model's
// refuter prove each violation.
func againstDefinition(t *testing.T, model checkers.Model, random func(seed uint64) []exhaust.Op, wrong func([]exhaust.Op) []string) {
	t.Helper()
	rounds := seeds.Choose(t, 6000)
	counts := map[bool]int{}
	for seed := range rounds.All() {
		ops := random(seed)
		h := exhaust.Build(t, nil, ops...)
		v, err := model.New().Check(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		want := wrong(ops)
		if (v.Status == checkers.Violated) != (len(want) > 0) {
			t.Fatalf("seed %d: %s %v, want %v\n%s", seed, v.Status, v.Reasons, want, exhaust.Show(h))
		}
		counts[len(want) > 0]++
		for i := range v.Violations {
			if by, proven := model.Refute(context.Background(), h, &v.Violations[i]); by == "" || !proven {
				t.Fatalf("seed %d: the witness of %s proves nothing: %s\n%s", seed, v.Violations[i].Anomaly, v.Violations[i].Sentence, exhaust.Show(h))
			}
		}
	}
	t.Logf("%s: broken: %v", rounds, counts)
	if counts[true] < 300 || counts[false] < 300 {
		t.Error("the histories are too much of one kind to test anything")
	}
}
