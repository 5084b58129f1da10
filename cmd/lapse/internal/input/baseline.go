package input

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// Baseline reads a baseline. A file that is not there is an empty one, as before the
// first `lapse gate --accept`, and that is said: its name may be wrong.
func Baseline(a *cli.App, path string) (gate.Baseline, error) {
	return baseline(path, func() {
		if !sandbox.Inside() { // else whoever went into the sandbox has said it
			fmt.Fprintf(a.Stderr, "lapse: --baseline %s: there is no such file, so that no violation is known\n", path)
		}
	})
}

// NewBaseline is Baseline for who writes the file afterwards: that it is not there yet is no surprise.
func NewBaseline(path string) (gate.Baseline, error) { return baseline(path, func() {}) }

// baseline reads a baseline, and calls absent if there is no such file.
func baseline(path string, absent func()) (gate.Baseline, error) {
	b := gate.Baseline{Schema: gate.BaselineSchema, Known: []gate.KnownIssue{}}
	if path == "" {
		return b, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		absent()
		return b, nil
	}
	if err != nil {
		return b, targets.Usagef("--baseline: %v", err)
	}
	if b, err = gate.DecodeBaseline(text); err != nil {
		return b, targets.Usagef("--baseline %s: %v", path, err)
	}
	return b, nil
}
