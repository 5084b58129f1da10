package redis_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/runs/quorum"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/redis"
	"github.com/lapse-test/lapse/targets/registry"
)

// TestQuorumPredictions: reads at a replica are promised something only where writes waited
// for all replicas, and reads at the primary always.
func TestQuorumPredictions(t *testing.T) {
	all := redis.Target{}.Info().Quorums
	for n, want := range map[int]map[string][2]bool{ // regular and linearizable
		1: {"none primary": {true, true}},
		2: {"none primary": {true, true}, "none replica": {}, "wait:1 primary": {true, true}, "wait:1 replica": {true, false}},
		3: {
			"none primary": {true, true}, "none replica": {}, "wait:1 primary": {true, true}, "wait:1 replica": {},
			"wait:2 primary": {true, true}, "wait:2 replica": {true, false},
		},
	} {
		cells, err := all.Cells(n, map[string]string{"min_replicas_to_write": "0"})
		if err != nil || len(cells) != len(want) {
			t.Fatalf("N=%d: %d cells, %v", n, len(cells), err)
		}
		for i := range cells {
			c := &cells[i]
			p := want[c.Row+" "+c.Column]
			if c.Predicted[models.Regular] != p[0] || c.Predicted[models.ReadYourWrites] != p[0] || c.Predicted[models.Linearizable] != p[1] {
				t.Errorf("N=%d %s %s: predicted %v, want %v", n, c.Row, c.Column, c.Predicted, p)
			}
		}
	}
	for _, fixed := range []string{"topology", "appendfsync"} {
		var usage *targets.UsageError
		if _, err := all.Cells(3, map[string]string{fixed: "always"}); !errors.As(err, &usage) {
			t.Errorf("--set %s is taken: %v", fixed, err)
		}
	}
}

// TestQuorums runs two cells on real servers that differ in the number that WAIT is given.
func TestQuorums(t *testing.T) {
	t.Parallel()
	for write, want := range map[string]quorum.Observation{"wait:1": quorum.Broke, "wait:2": quorum.Held} {
		// How much a busy machine gets through in two seconds is no matter of right or wrong.
		for i, duration := range []time.Duration{2 * time.Second, 6 * time.Second, 20 * time.Second} {
			got, atRisk := observed(t, write, duration)
			switch {
			case got.Observed == want && got.AsPredicted:
			case i < 2 && (got.Observed == quorum.Thin || want == quorum.Broke):
				t.Logf("%s, %s: %+v, %d reads that could have been stale; once more for longer", write, duration, got, atRisk)
				continue
			default:
				t.Errorf("%s: regular %+v, %d reads that could have been stale", write, got, atRisk)
			}
			break
		}
	}
}

// observed runs one cell of replica reads.
func observed(t *testing.T, write string, duration time.Duration) (quorum.Comparison, int) {
	t.Helper()
	ask := quorum.Ask{Target: redis.Name, N: 3, Write: write, Read: "replica", Duration: duration, Rate: 400, Seed: 5}
	cells, err := quorum.Cells(registry.All(), ask)
	if err != nil {
		t.Fatal(err)
	}
	// What may break and did not is run again, and this is not about that model.
	delete(cells[0].Predicted, models.Linearizable)
	env := runs.Environment{Targets: registry.All(), Out: t.TempDir(), Cache: t.TempDir(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)}
	table, err := quorum.Run(t.Context(), ask, cells, sandbox.Provider{}, "", env, nil)
	if err != nil {
		t.Fatal(err)
	}
	return table.Cells[0].Models[models.Regular], table.Cells[0].AtRisk
}
