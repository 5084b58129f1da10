package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
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

// The result of a suite is no run, and the way to its report is named.
func TestResultOfASuite(t *testing.T) {
	out := t.TempDir()
	d, err := Create(filepath.Join(out, DirSuites), "smoke-20261129-100000")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.File(FileSuite), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for ref, suite := range map[string]bool{d.ID: true, d.Path: true, "smoke-20261129-110000": false} {
		_, err := Open(out, ref)
		var none *NotFoundError
		if !errors.As(err, &none) || none.Suite != suite || strings.Contains(err.Error(), "lapse report "+ref+" --suite") != suite {
			t.Errorf("%s: %v", ref, err)
		}
	}
}
