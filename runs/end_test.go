package runs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestEndWithoutRoom: a summary that cannot be written is no success on disk either, whatever
// the models came to; what was violated stays violated. What stands in the way of the file is
// what is written first.
func TestEndWithoutRoom(t *testing.T) {
	for _, c := range []struct {
		status checkers.Status
		code   int
	}{{checkers.Held, verdict.ExitEnvironment}, {checkers.Violated, verdict.ExitViolated}} {
		dir, err := store.Create(t.TempDir(), "r")
		if err != nil {
			t.Fatal(err)
		}
		f := &Finished{Dir: dir}
		f.Summary = store.Summary{Schema: store.SummarySchema, Run: "r", State: store.StateRunning, Target: "t"}
		if err := dir.Begin(&f.Summary); err != nil {
			t.Fatal(err)
		}
		f.Summary.Status = c.status
		f.Summary.Verdicts = []checkers.Verdict{{Model: "m", Status: c.status, Total: 1}}
		if err := os.Mkdir(dir.File(store.FileRun+".tmp"), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := f.end(nil, nil); err == nil {
			t.Error("no error")
		}
		var got store.Summary
		if err := dir.ReadJSON(store.FileRun, &got); err != nil {
			t.Fatal(err)
		}
		if got.State != store.StateFinished || got.Exit == nil || got.Exit.Code != c.code || f.Summary.Exit.Code != c.code {
			t.Errorf("%v: stored %s %+v, told %+v, want %d", c.status, got.State, got.Exit, f.Summary.Exit, c.code)
		}
		if len(got.Verdicts) != 1 || got.Verdicts[0].Status != c.status {
			t.Errorf("%v: %+v", c.status, got.Verdicts)
		}
	}
}

// TestFoundMeanwhileIsNotPassedOver: of a violation that was found while the run went on and is not in
// the verdict it is said that it was.
func TestFoundMeanwhileIsNotPassedOver(t *testing.T) {
	f := &Finished{Dir: store.Dir{ID: "r"}}
	f.Summary.Verdicts = []checkers.Verdict{{Model: "a", Status: checkers.Inconclusive}, {Model: "b", Status: checkers.Violated}, {Model: "c", Status: checkers.Held}}
	got := f.left(map[string]bool{"a": true, "b": true})
	want := "a violation of a was found while the run went on, and the check of the whole run, which is inconclusive, did not find it: lapse check r"
	if len(got) != 1 || got[0] != want {
		t.Errorf("%q", got)
	}
}

// TestOneRefusalIsSaidOnce: what keeps the plan or the first summary from being written, such as a full disk, keeps the
// last summary from it too. It is said once, of whichever files, and nothing else is passed over for it.
func TestOneRefusalIsSaidOnce(t *testing.T) {
	refused := func(file string, why error) error {
		return fmt.Errorf("a: %w", &store.WriteError{File: file, Err: &fs.PathError{Op: "write", Path: "/" + file, Err: why}})
	}
	for name, c := range map[string]struct {
		begun, saved error
		once         bool
	}{
		"a full disk":                    {refused(store.FilePlan, syscall.ENOSPC), refused(store.FileRun, syscall.ENOSPC), true},
		"the same file":                  {refused(store.FileRun, syscall.ENOSPC), refused(store.FileRun, syscall.ENOSPC), true},
		"a full disk, then a broken one": {refused(store.FilePlan, syscall.ENOSPC), refused(store.FileRun, syscall.EIO), false},
		"another error with its text":    {errors.New(refused(store.FileRun, syscall.ENOSPC).Error()), refused(store.FileRun, syscall.ENOSPC), false},
		"the run went well":              {nil, refused(store.FileRun, syscall.ENOSPC), false},
	} {
		if got := sameRefusal(c.begun, c.saved); got != c.once {
			t.Errorf("%s: %t", name, got)
		}
	}
}
