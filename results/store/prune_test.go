package store

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/verdict"
)

// runsIn makes run directories with a summary each.
func runsIn(t *testing.T, out string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		d, err := Create(out, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.WriteJSON(FileRun, &Summary{Schema: SummarySchema, Run: id, State: "finished"}); err != nil {
			t.Fatal(err)
		}
	}
}

func listed(t *testing.T, out string) []string {
	t.Helper()
	dirs, err := List(out)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, 0, len(dirs))
	for _, d := range dirs {
		ids = append(ids, d.ID)
	}
	return ids
}

func TestRemoveMovesLatest(t *testing.T) {
	out := t.TempDir()
	runsIn(t, out, "a1", "a2", "a3")
	if err := Remove(out, Dir{ID: "a3"}); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, out); !slices.Equal(got, []string{"a1", "a2"}) {
		t.Errorf("there are %v", got)
	}
	if to, err := os.Readlink(filepath.Join(out, "latest")); err != nil || to != "a2" {
		t.Errorf("latest leads to %q, %v", to, err)
	}
	for _, id := range []string{"a1", "a2"} {
		if err := Remove(out, Dir{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(out); err != nil || len(entries) != 0 {
		t.Errorf("%d entries are left: %v", len(entries), err)
	}
}

// TestRemoveStaysInside has names and links that lead elsewhere.
func TestRemoveStaysInside(t *testing.T) {
	top := t.TempDir()
	out, outside := filepath.Join(top, "runs"), filepath.Join(top, "outside")
	runsIn(t, out, "a1")
	runsIn(t, outside, "b1")
	if err := os.Symlink(filepath.Join(outside, "b1"), filepath.Join(out, "linked")); err != nil {
		t.Fatal(err)
	}
	// A link inside a run goes; what it leads to stays.
	if err := os.Symlink(outside, filepath.Join(out, "a1", "nodes")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(out, "notes"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", ".", "..", "../outside/b1", "linked", "latest", "notes", "none"} {
		if err := Remove(out, Dir{ID: id}); err == nil {
			t.Errorf("%q was removed", id)
		}
	}
	if err := Remove(out, Dir{ID: "a1"}); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, outside); !slices.Equal(got, []string{"b1"}) {
		t.Errorf("outside there are %v", got)
	}
}

func TestSweep(t *testing.T) {
	out := t.TempDir()
	runsIn(t, out, "a1", deleting+"a2")
	if err := Sweep(out); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, out); !slices.Equal(got, []string{"a1"}) {
		t.Errorf("there are %v", got)
	}
	if err := Sweep(filepath.Join(out, "none")); err != nil {
		t.Errorf("a directory that is not there: %v", err)
	}
}

func TestPrune(t *testing.T) {
	run := func(id string, violations int) Stored {
		s := &Summary{Exit: &verdict.Exit{}}
		if violations > 0 {
			s.Verdicts = []checkers.Verdict{{Status: checkers.Violated, Total: violations}}
		}
		return Stored{Dir: Dir{ID: id}, Summary: s, Bytes: 100}
	}
	runs := []Stored{run("1", 0), run("2", 3), run("3", 0), run("4", 0), run("5", 0)}
	busy := slices.Clone(runs)
	busy[0].Busy = true
	unread := slices.Clone(runs)
	unread[0].Summary = nil
	for _, c := range []struct {
		name string
		keep Keep
		runs []Stored
		want []string
	}{
		{"last", Keep{Last: 2}, runs, []string{"1", "2", "3"}},
		{"failed", Keep{Last: 2, Failed: true}, runs, []string{"1", "3"}},
		{"more than there are", Keep{Last: 9}, runs, nil},
		{"of a suite", Keep{Last: 1, Runs: []string{"3", "1"}}, runs, []string{"2", "4"}},
		{"budget", Keep{Last: 1, Budget: 350}, runs, []string{"1", "2"}},
		{"budget and failed", Keep{Last: 1, Failed: true, Budget: 350}, runs, []string{"1", "3"}},
		{"budget that suffices", Keep{Last: 1, Budget: 500}, runs, nil},
		{"busy", Keep{Last: 3}, busy, []string{"2"}},
		{"cannot be read", Keep{Last: 3}, unread, []string{"2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, r := range c.keep.Prune(c.runs) {
				got = append(got, r.Dir.ID)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v go, want %v", got, c.want)
			}
		})
	}
}
