package mysql

import (
	"errors"
	"testing"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
)

// TestQuorumPredictions: no write level promises reads at a replica anything, and what is
// predicted is what Promises says of the same configuration where it says something.
func TestQuorumPredictions(t *testing.T) {
	all := Target{}.Info().Quorums
	for n, want := range map[int]int{1: 1, 2: 9, 3: 9} {
		cells, err := all.Cells(n, map[string]string{optIsolation: readCommitted})
		if err != nil || len(cells) != want {
			t.Fatalf("N=%d: %d cells, %v; want %d", n, len(cells), err, want)
		}
		for i := range cells {
			c := &cells[i]
			cfg := targets.Config{Nodes: n, WriteLevel: c.WriteLevel, ReadLevel: c.ReadLevel, Options: c.Options}
			if _, err := (Target{}).Resolve(cfg); err != nil {
				t.Errorf("N=%d %s %s cannot be run: %v", n, c.Row, c.Column, err)
			}
			said := Target{}.Promises(cfg, nil)
			for _, m := range []string{models.Regular, models.ReadYourWrites, models.Linearizable} {
				if promised, ok := said[m]; ok && promised != c.Predicted[m] {
					t.Errorf("N=%d %s %s: %s is predicted %v and promised %v", n, c.Row, c.Column, m, c.Predicted[m], promised)
				}
			}
			if stale := c.Column == readReplica; c.Predicted[models.ReadYourWrites] == stale {
				t.Errorf("N=%d %s %s: read-your-writes is predicted %v", n, c.Row, c.Column, !stale)
			}
		}
	}
	for _, fixed := range []string{optTopology, optFailover, optFlush} {
		var usage *targets.UsageError
		if _, err := all.Cells(3, map[string]string{fixed: "x"}); !errors.As(err, &usage) {
			t.Errorf("--set %s is taken: %v", fixed, err)
		}
	}
}
