package main

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestRunsInColumns: columns are as wide as what is in them, and a violation that the configuration allows is told as such.
func TestRunsInColumns(t *testing.T) {
	out := t.TempDir()
	for id, s := range map[string]store.Summary{
		"20261130-200915-1bde": {Workload: "session", WriteLevel: "1", ReadLevel: "1", Seed: 7221367855857260, Assessment: verdict.Assessment{
			Status: checkers.Violated, Verdicts: []checkers.Verdict{{Model: "read-your-writes", Status: checkers.Violated, Total: 1}},
			Promises: &verdict.Promises{Models: map[string]bool{"read-your-writes": false}},
		}},
		"20261130-200934-0224": {Workload: "register", WriteLevel: "ALL", ReadLevel: "1", Seed: 7, Assessment: verdict.Assessment{
			Status: checkers.Held, Verdicts: []checkers.Verdict{{Model: "linearizable", Status: checkers.Held}},
		}},
	} {
		dir, err := store.Create(out, id)
		if err != nil {
			t.Fatal(err)
		}
		s.Schema, s.Run, s.State, s.Target = store.SummarySchema, id, store.StateFinished, "quorumkv"
		if err := dir.WriteJSON(store.FileRun, &s); err != nil {
			t.Fatal(err)
		}
	}
	const want = `20261130-200915-1bde  quorumkv  write 1, read 1    session   ✗ violated, allowed  seed 7221367855857260
20261130-200934-0224  quorumkv  write ALL, read 1  register  ✓ held  seed 7
`
	if code, got, stderr := lapse(t, "runs", "--out", out); code != verdict.ExitHeld || got != want {
		t.Errorf("exit %d, %s\n%s\nwant\n%s", code, stderr, got, want)
	}
	if code, got, _ := lapse(t, "runs", "--json", "--out", out); code != verdict.ExitHeld || strings.Count(got, `"started"`) != 2 {
		t.Errorf("exit %d, %s", code, got)
	}
}
