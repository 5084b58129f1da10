package store

import (
	"os"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestEnd: a summary that cannot be replaced says all the same that the run is over, and
// why. What stands in the way of the file is what WriteFile writes first.
func TestEnd(t *testing.T) {
	for _, full := range []bool{false, true} {
		d, err := Create(t.TempDir(), "r")
		if err != nil {
			t.Fatal(err)
		}
		begun := Summary{Schema: SummarySchema, Run: "r", State: StateRunning, ProviderReason: "a text that is longer than what ended the run, so that something of it could be left"}
		if err := d.WriteJSON(FileRun, &begun); err != nil {
			t.Fatal(err)
		}
		if full {
			if err := os.Mkdir(d.File(FileRun+".tmp"), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		ended := Summary{Schema: SummarySchema, Run: "r", State: StateFinished, Environment: "no room", Exit: &verdict.Exit{Code: verdict.ExitEnvironment, Reason: "no room"}}
		ended.Verdicts = []checkers.Verdict{{Model: "m", Status: checkers.Held}}
		err = d.End(&ended)
		if (err != nil) != full {
			t.Errorf("full %v: error %v", full, err)
		}
		var got Summary
		if err := d.ReadJSON(FileRun, &got); err != nil {
			t.Fatal(err)
		}
		if state := d.StateOf(&got); state != StateFinished || got.Exit == nil || got.Exit.Reason != "no room" || got.Environment != "no room" {
			t.Errorf("full %v: %s, %+v", full, state, got)
		}
		if whole := len(got.Verdicts) == 1; whole == full {
			t.Errorf("full %v: %d verdicts", full, len(got.Verdicts))
		}
	}
	d, err := Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(d.File(FileRun+".tmp"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := d.End(&Summary{}); err == nil {
		t.Error("a run that never began was ended without an error")
	}
	if _, err := os.Stat(d.File(FileRun)); !os.IsNotExist(err) {
		t.Errorf("of a run that never began there is a summary: %v", err)
	}
}
