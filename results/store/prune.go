package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// deleting is the beginning of the names of directories that are being removed:
// a run is renamed before its files go, so that what a killed removal leaves is
// never listed as a run, and is swept by the next one.
const deleting = ".deleting-"

// Remove deletes the directory of a run and everything in it. It refuses what is
// not a real directory directly below out that holds a run: no link is followed,
// so that nothing outside out can go.
func Remove(out string, d Dir) error {
	path := filepath.Join(out, d.ID)
	if d.ID == "" || d.ID != filepath.Base(d.ID) || d.ID == "." || d.ID == ".." {
		return fmt.Errorf("removing run %q: that is no name of a run", d.ID)
	}
	fi, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("removing run %s: %w", d.ID, err)
	}
	if !fi.IsDir() || !isRun(path) {
		return fmt.Errorf("removing run %s: %s is no directory of a run", d.ID, path)
	}
	gone := filepath.Join(out, deleting+d.ID)
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("removing what was left of run %s: %w", d.ID, err)
	}
	if err := os.Rename(path, gone); err != nil {
		return fmt.Errorf("removing run %s: %w", d.ID, err)
	}
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("removing run %s: %w", d.ID, err)
	}
	return relink(out)
}

// relink points out/latest to the newest run that is left, if it points nowhere.
func relink(out string) error {
	link := filepath.Join(out, linkLatest)
	fi, err := os.Lstat(link)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the link to the latest run: %w", err)
	}
	if fi.Mode()&fs.ModeSymlink == 0 {
		return nil
	}
	if _, err := os.Stat(link); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	dirs, err := List(out)
	if err != nil {
		return err
	}
	if err := os.Remove(link); err != nil {
		return fmt.Errorf("moving the link to the latest run: %w", err)
	}
	if len(dirs) == 0 {
		return nil
	}
	if err := os.Symlink(dirs[len(dirs)-1].ID, link); err != nil {
		return fmt.Errorf("moving the link to the latest run: %w", err)
	}
	return nil
}

// Sweep removes what removals that were killed left below out.
func Sweep(out string) error {
	entries, err := os.ReadDir(out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweeping: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), deleting) {
			errs = append(errs, os.RemoveAll(filepath.Join(out, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// Size returns the bytes that the files of a run take.
func (d Dir) Size() (int64, error) {
	var sum int64
	err := filepath.WalkDir(d.Path, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrPermission) {
			return nil // a node's own directory: what cannot be seen does not count
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		sum += fi.Size()
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("measuring run %s: %w", d.ID, err)
	}
	return sum, nil
}

// Keep says which runs stay when others go.
type Keep struct {
	// Last is the number of newest runs that stay, whatever their results.
	Last int
	// Failed keeps every run that found a violation.
	Failed bool
	// Runs stay by their identifiers, such as those that a suite's result names.
	Runs []string
	// Budget bounds the bytes that may stay, 0 for any number. The oldest runs that
	// may go go first; those that Last, Failed and Runs keep stay all the same.
	Budget int64
}

// Stored is a run with what decides whether it stays.
type Stored struct {
	Dir Dir
	// Summary is nil if it cannot be read; such a run stays, because nobody
	// knows what it is.
	Summary *Summary
	Bytes   int64
	// Busy says that it may still be running.
	Busy bool
}

// Prune is which of the stored runs (oldest first) go. With a budget, only as
// many go as it takes; without one, all that nothing keeps.
func (k Keep) Prune(runs []Stored) []Stored {
	var total int64
	for i := range runs {
		total += runs[i].Bytes
	}
	var gone []Stored
	for i := range runs {
		r := &runs[i]
		if i >= len(runs)-k.Last || r.Busy || r.Summary == nil || slices.Contains(k.Runs, r.Dir.ID) ||
			k.Failed && r.Summary.Exit != nil && hasViolation(r.Summary) {
			continue
		}
		if k.Budget > 0 && total <= k.Budget {
			break
		}
		total -= r.Bytes
		gone = append(gone, *r)
	}
	return gone
}

func hasViolation(s *Summary) bool {
	for i := range s.Verdicts {
		if s.Verdicts[i].Total > 0 {
			return true
		}
	}
	return false
}
