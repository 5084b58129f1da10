package store

import (
	"os"
	"testing"
	"time"
)

func TestAlive(t *testing.T) {
	d, err := Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	now := &Summary{State: StateRunning, Started: time.Now()}
	if !d.Alive(now) {
		t.Error("a young run of a version without locks counts as killed")
	}
	if d.Alive(&Summary{State: StateRunning, Started: time.Now().Add(-25 * time.Hour)}) {
		t.Error("an old run of a version without locks counts as alive")
	}
	release, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if !d.Alive(now) {
		t.Error("a run that is locked counts as killed")
	}
	if d.Alive(&Summary{State: "finished", Started: time.Now()}) {
		t.Error("a run that says that it is over counts as alive")
	}
	if got := d.StateOf(now); got != StateRunning {
		t.Errorf("a run that goes on is %s", got)
	}
	if _, err := d.Lock(); err == nil {
		t.Error("the lock was taken twice")
	}
	release()
	if d.Alive(now) {
		t.Error("a run whose process is gone counts as alive")
	}
	if got := d.StateOf(now); got != StateKilled {
		t.Errorf("a run whose process is gone is %s", got)
	}
	if got := d.StateOf(&Summary{State: StateInterrupted}); got != StateInterrupted {
		t.Errorf("a run that was interrupted is %s", got)
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	d, err := Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(d.File("taken/below"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteFile("taken", []byte("x")); err == nil {
		t.Fatal("a directory was replaced by a file")
	}
	entries, err := os.ReadDir(d.Path)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v lie there, %v", entries, err)
	}
}
