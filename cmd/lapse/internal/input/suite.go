package input

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/internal/pure"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/suites"
	"github.com/lapse-test/lapse/targets"
)

// readSuite reads a suite file, or a shipped suite by its name.
func readSuite(ref string) ([]byte, error) {
	b, err := os.ReadFile(ref)
	if err == nil {
		return b, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, targets.Usagef("reading the suite: %v", err)
	}
	if b, err = suites.ByName(ref); err != nil {
		return nil, targets.Usagef("%v", err)
	}
	return b, nil
}

// Suite loads a suite file, or a shipped suite by its name, and plans its runs. seed
// replaces that of the file if it is not nil. It returns when ctx is done, whatever it is
// reading.
func Suite(ctx context.Context, a *cli.App, ref string, seed *uint64, env runs.Environment) (*suite.Suite, error) {
	return pure.Until(ctx, "reading "+ref, func() (*suite.Suite, error) {
		b, err := readSuite(ref)
		if err != nil {
			return nil, err
		}
		return suite.Load(ctx, ref, b, seed, env)
	})
}

// Latest names the latest run or result.
const Latest = "latest"

// LastResult is the last result of a suite as its text is now.
func LastResult(ctx context.Context, a *cli.App, ref string, env runs.Environment) (*gate.SuiteResult, error) {
	s, err := Suite(ctx, a, ref, nil, env)
	if err != nil {
		return nil, err
	}
	// Identifiers begin with the suite's name and then the time.
	dirs, err := filepath.Glob(filepath.Join(a.Out, suite.DirSuites, s.File.Name+"-*", store.FileSuite))
	if err != nil {
		return nil, fmt.Errorf("looking for results of %s: %w", ref, err)
	}
	slices.Sort(dirs)
	for _, path := range slices.Backward(dirs) {
		res, err := SuiteResult(a, path)
		if err == nil && res.Digest == s.Digest {
			return res, nil
		}
	}
	if len(dirs) > 0 {
		return nil, targets.Usagef("--resume: the results of %s below %s are of another text of it; run it anew", ref, a.Out)
	}
	return nil, targets.Usagef("--resume: no result of %s below %s; run it without --resume", ref, a.Out)
}

// SuiteResult finds the result of a suite: a file, a directory, an identifier below
// the runs, or latest.
func SuiteResult(a *cli.App, ref string) (*gate.SuiteResult, error) {
	below := filepath.Join(a.Out, suite.DirSuites, ref, store.FileSuite)
	for _, path := range []string{ref, filepath.Join(ref, store.FileSuite), below} {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		res, err := gate.DecodeSuite(b)
		if err != nil {
			return nil, targets.Usagef("%s is no result of a suite: %v", path, err)
		}
		return res, nil
	}
	return nil, targets.Usagef("no result of a suite at %s or %s; run one with lapse run FILE", ref, below)
}
