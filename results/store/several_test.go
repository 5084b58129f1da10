package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A directory of runs is no run, and the latest of them is named.
func TestSeveralRuns(t *testing.T) {
	out := t.TempDir()
	for _, id := range []string{"20261129-100000-aaaa", "20261129-110000-bbbb"} {
		d, err := Create(out, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.File(FileRun), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Open("elsewhere", out)
	var several *SeveralError
	if !errors.As(err, &several) || several.Runs != 2 || filepath.Base(several.Latest) != "20261129-110000-bbbb" {
		t.Errorf("got %v", err)
	}
	var none *NotFoundError
	if _, err := Open("elsewhere", t.TempDir()); !errors.As(err, &none) {
		t.Errorf("an empty directory: %v", err)
	}
}
