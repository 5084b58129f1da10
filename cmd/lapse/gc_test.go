package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestCollectKnowsTheSuite: a result of the latest suite that cannot be read is not
// taken for none. Nothing is removed then, because its runs may be needed.
func TestCollectKnowsTheSuite(t *testing.T) {
	write := func(text string) func(string) error {
		return func(file string) error { return os.WriteFile(file, []byte(text), 0o666) }
	}
	for name, c := range map[string]struct {
		result func(file string) error
		code   int
		stays  bool
		says   string
	}{
		"no suite":          {func(string) error { return nil }, 0, false, ""},
		"it needs the run":  {write(`{"cases":[{"run":"20261128T000000-a"}]}`), 0, true, ""},
		"it needs another":  {write(`{"cases":[{"run":"20261128T000000-b"}]}`), 0, false, ""},
		"it is damaged":     {write(`{"cases":[{"run":"20261128T`), verdict.ExitUsage, true, "nothing was removed"},
		"it cannot be read": {func(file string) error { return os.Mkdir(file, 0o777) }, verdict.ExitEnvironment, true, "which runs the latest suite needs"},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			run, latest := filepath.Join(out, "20261128T000000-a"), filepath.Join(out, store.DirSuites, "latest")
			if err := errors.Join(os.MkdirAll(run, 0o777), os.MkdirAll(latest, 0o777), write(`{"schema":1,"state":"finished"}`)(filepath.Join(run, store.FileRun))); err != nil {
				t.Fatal(err)
			}
			if err := c.result(filepath.Join(latest, store.FileSuite)); err != nil {
				t.Fatal(err)
			}
			code, _, stderr := lapse(t, "runs", "gc", "--keep-last", "0", "--out", out)
			if code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("exit %d, want %d: %s", code, c.code, stderr)
			}
			if _, err := os.Stat(run); (err == nil) != c.stays {
				t.Errorf("the run: %v, and it stays: %v", err, c.stays)
			}
		})
	}
}
