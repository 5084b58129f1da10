package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestKilledBeforeItsLoad: of a run whose process was killed before its load began there is a plan and no history. Every command that takes
// it says so, and it can be removed; while its process lives it stays.
func TestKilledBeforeItsLoad(t *testing.T) {
	out := t.TempDir()
	dir, err := store.Create(out, "20261130-120000-aaaa")
	if err != nil {
		t.Fatal(err)
	}
	release, err := dir.Lock()
	if err != nil {
		t.Fatal(err)
	}
	begun := store.Summary{Schema: store.SummarySchema, Run: dir.ID, State: store.StateRunning, Started: time.Now(), Target: "quorumkv"}
	if err := dir.WriteFile(store.FilePlan, []byte(`{"schema":1,"target":"quorumkv"}`)); err != nil {
		t.Fatal(err)
	}
	if err := dir.WriteJSON(store.FileRun, &begun); err != nil {
		t.Fatal(err)
	}
	if code, said, errs := lapse(t, "runs", "gc", "--keep-last", "0", "--out", out); code != 0 || !exists(dir.Path) {
		t.Fatalf("a run that goes on was removed: exit %d: %s%s", code, said, errs)
	}
	release() // as the kernel does when the process is gone
	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"check", dir.Path}, verdict.ExitUsage, "it has no history: it ended before its load began"},
		{[]string{"check", dir.Path, "--json"}, verdict.ExitUsage, "it has no history: it ended before its load began"},
		{[]string{"check", dir.Path, "--stream"}, verdict.ExitUsage, "it has no history: it ended before its load began"},
		{[]string{"show", dir.Path}, verdict.ExitHeld, "It has no history: it ended before its load began"},
		{[]string{"check", out}, verdict.ExitUsage, "is a directory of 1 run, and one is wanted; the latest is " + dir.Path},
		{[]string{"runs", "--out", out}, verdict.ExitHeld, "killed"},
		{[]string{"runs", "gc", "--keep-last", "0", "--out", out}, verdict.ExitHeld, "removed " + dir.ID},
	} {
		code, said, errs := lapse(t, c.args...)
		if code != c.exit || !strings.Contains(said+errs, c.says) {
			t.Errorf("%v: exit %d, want %d and %q: %s%s", c.args, code, c.exit, c.says, said, errs)
		}
	}
	if exists(dir.Path) {
		t.Error("a run whose process is gone stays")
	}
}

// TestHistoryGone: of a run that ended after its load, the history was there. That it never began is not said.
func TestHistoryGone(t *testing.T) {
	dir, err := store.Create(t.TempDir(), "20261201-120000-aaaa")
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.WriteFile(store.FilePlan, []byte(`{"schema":1,"target":"quorumkv"}`)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		load *figures.Totals
		says string
	}{
		{nil, "t has no history: it ended before its load began"},
		{&figures.Totals{}, "ts history is gone: " + store.FileHistory + " was there when the run ended"},
	} {
		s := store.Summary{Schema: store.SummarySchema, Run: dir.ID, State: store.StateFinished, Started: time.Now(), Target: "quorumkv", Load: c.load}
		if err := dir.WriteJSON(store.FileRun, &s); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"check", dir.Path}, {"check", dir.Path, "--stream"}, {"show", dir.Path}} {
			if code, said, errs := lapse(t, args...); !strings.Contains(said+errs, c.says) || (args[0] == "check") != (code == verdict.ExitUsage) {
				t.Errorf("%v of a run with the load %v: exit %d: %s%s, want %q", args, c.load, code, said, errs, c.says)
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
