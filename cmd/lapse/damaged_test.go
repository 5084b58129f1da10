package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestDamagedWitness shows a run of which run.json names an operation that its history has, and one that it has not: every
// command that reads both refuses the latter, and says how to go on.
func TestDamagedWitness(t *testing.T) {
	for op, whole := range map[int]bool{2: true, 3: false, -1: false} {
		out := t.TempDir()
		run := filepath.Join(out, "20261128T000000-a")
		summary := `{"schema":1,"state":"finished","run":"20261128T000000-a","assessment":{"status":"violated","verdicts":[{"model":"linearizable","status":"violated","total":1,` +
			`"violations":[{"model":"linearizable","anomaly":"stale read","sentence":"it was old","ops":[` + strconv.Itoa(op) + `]}]}]}}`
		if err := errors.Join(os.Mkdir(run, 0o777), os.Rename(storeHistory(t, 1), filepath.Join(run, store.FileHistory)), os.WriteFile(filepath.Join(run, store.FileRun), []byte(summary), 0o666)); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"show"}, {"show", "--violation", "1"}, {"show", "--json"}, {"report", "-o", filepath.Join(out, "report.html")}} {
			code, stdout, stderr := lapse(t, append(append([]string{args[0], filepath.Base(run)}, args[1:]...), "--out", out)...)
			switch {
			case whole && code != 0:
				t.Errorf("%v: exit %d: %s%s", args, code, stdout, stderr)
			case !whole && (code != verdict.ExitUsage || !strings.Contains(stderr, "lapse check")):
				t.Errorf("%v of operation %d: exit %d: %s", args, op, code, stderr)
			}
		}
	}
}
