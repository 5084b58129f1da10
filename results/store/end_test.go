package store

import (
	"os"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestEndInPlace: what there is room for says that the run is over, why, and what each model
// came to; what there is no room for leaves the file as it was.
func TestEndInPlace(t *testing.T) {
	text := func(n int) string { return strings.Repeat("é", n) }
	for _, c := range []struct {
		name     string
		room     int // characters that the first summary had and the last has not
		reason   string
		ended    bool
		verdicts int
	}{
		{"room for all", 200, "no space left", true, 1},
		{"a long reason", 500, text(3000), true, 1},
		{"room for the reason alone", 15, "no space left", true, 0},
		{"no room", 0, text(3000), false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Create(t.TempDir(), "r")
			if err != nil {
				t.Fatal(err)
			}
			begun := Summary{Schema: SummarySchema, Run: "r", State: StateRunning, ProviderReason: text(c.room)}
			if err := d.WriteJSON(FileRun, &begun); err != nil {
				t.Fatal(err)
			}
			before, err := os.Stat(d.File(FileRun))
			if err != nil {
				t.Fatal(err)
			}
			ended := Summary{Schema: SummarySchema, Run: "r", State: StateFinished, Environment: c.reason, Exit: &verdict.Exit{Code: verdict.ExitEnvironment, Reason: c.reason}}
			ended.Verdicts = []checkers.Verdict{{Model: "m", Status: checkers.Violated, Total: 3, Violations: []checkers.Violation{{}, {}, {}}}}
			if err := d.EndInPlace(&ended); (err == nil) != c.ended {
				t.Errorf("error %v, want that it is written: %t", err, c.ended)
			}
			var got Summary
			if err := d.ReadJSON(FileRun, &got); err != nil {
				t.Fatal(err)
			}
			if after, err := os.Stat(d.File(FileRun)); err != nil || after.Size() != before.Size() {
				t.Errorf("the file had %d bytes, and has %d (%v)", before.Size(), after.Size(), err)
			}
			if !c.ended {
				if got.State != StateRunning || got.ProviderReason != begun.ProviderReason {
					t.Errorf("it was changed: %+v", got)
				}
				return
			}
			if got.State != StateFinished || got.Exit == nil || got.Exit.Code != verdict.ExitEnvironment || !strings.HasPrefix(c.reason, strings.TrimSuffix(got.Exit.Reason, " ...")) || got.Exit.Reason == "" {
				t.Errorf("%s, %+v", got.State, got.Exit)
			}
			if len(got.Verdicts) != c.verdicts || c.verdicts > 0 && got.Verdicts[0].Status != checkers.Violated {
				t.Errorf("verdicts %+v, want %d", got.Verdicts, c.verdicts)
			}
		})
	}
	d, err := Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.EndInPlace(&Summary{}); err == nil {
		t.Error("a run that never began was ended without an error")
	}
	if _, err := os.Stat(d.File(FileRun)); !os.IsNotExist(err) {
		t.Errorf("of a run that never began there is a summary: %v", err)
	}
}
