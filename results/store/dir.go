// Package store is the directories of runs and of suites: their names, the files in
// them, how they are found, written and removed.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/internal/count"
)

// The files of a run directory. Everything that a later reader needs is in it;
// nothing in it is needed to understand another run.
const (
	FilePlan       = "plan.json"
	FileRun        = "run.json"
	FileHistory    = "history.lapse"
	FileVerdict    = "verdict.json"
	FileLog        = "harness.log"
	DirViolations  = "violations"
	DirNodes       = "nodes"
	linkLatest     = "latest"
	FileExplain    = "explain.txt"
	FileWitness    = "witness.json"
	FilePorcupine  = "porcupine.html"
	FileWitnessOps = "witness.jsonl"
	FilePicture    = "picture.svg"
	FileMinimal    = "min.jsonl"
)

// DirSuites is the directory, below that of the runs, in which suites are kept, each
// in a directory of its own.
const DirSuites = "suites"

// FileSuite is the file of a suite's directory that holds its SuiteResult.
const FileSuite = "suite.json"

// DefaultOut is the directory of runs unless --out says otherwise.
const DefaultOut = "lapse-runs"

// Dir is the directory of one run.
type Dir struct {
	// Path is the directory, ID its last element.
	Path, ID string
}

// NewID makes an identifier for a run that starts now: sortable by time, with a
// short random ending by which people call it.
func NewID(now time.Time, random uint32) string {
	return fmt.Sprintf("%s-%04x", now.UTC().Format("20060102-150405"), random&0xffff)
}

// Create makes the directory of a new run below out and points out/latest to
// it.
func Create(out, id string) (Dir, error) {
	d := Dir{Path: filepath.Join(out, id), ID: id}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return Dir{}, fmt.Errorf("making the directory for runs: %w", err)
	}
	if err := os.Mkdir(d.Path, 0o777); err != nil {
		return Dir{}, fmt.Errorf("making the run directory: %w", err)
	}
	Point(out, id)
	return d, nil
}

// Point makes out/latest lead to a run that is there. A link that cannot be replaced costs a convenience,
// not the run.
func Point(out, id string) {
	link := filepath.Join(out, linkLatest)
	if fi, err := os.Lstat(link); err != nil || fi.Mode()&fs.ModeSymlink != 0 {
		_ = os.Remove(link)
		_ = os.Symlink(id, link)
	}
}

// File is the path of a file in the run directory.
func (d Dir) File(name string) string { return filepath.Join(d.Path, name) }

// NotFoundError says that no run answers to a reference.
type NotFoundError struct {
	Ref, Out string
	// Suite says that it is the result of a suite.
	Suite bool
}

// Error names the reference and where was looked, and how runs are listed, or how the report of a suite is made.
func (e *NotFoundError) Error() string {
	if e.Suite {
		return fmt.Sprintf("%s is the result of a suite, and a run is wanted: `lapse report %s --suite` writes its report, which names its runs", e.Ref, e.Ref)
	}
	return fmt.Sprintf("no run %q: it is no run directory, and none below %s ends in it; `lapse runs` lists those there are", e.Ref, e.Out)
}

// SeveralError says that a reference is a directory of runs, where one is wanted.
type SeveralError struct {
	Ref  string
	Runs int
	// Latest is the path of the latest of them.
	Latest string
}

// Error names the latest run.
func (e *SeveralError) Error() string {
	return fmt.Sprintf("%s is a directory of %s, and one is wanted; the latest is %s", e.Ref, count.Of(e.Runs, "run"), e.Latest)
}

// AmbiguousError says that more than one run answers to a reference.
type AmbiguousError struct {
	Ref string
	// Runs are two of them.
	Runs []string
}

// Error names the reference and the runs that it fits.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("run %q is ambiguous: %s end in it; name more of it", e.Ref, strings.Join(e.Runs, " and "))
}

// Open finds a run by its path, by its identifier, by the ending of its
// identifier, or as "latest".
func Open(out, ref string) (Dir, error) {
	for _, p := range []string{ref, filepath.Join(out, ref)} {
		if isRun(p) {
			real, err := filepath.EvalSymlinks(p)
			if err != nil {
				return Dir{}, fmt.Errorf("opening run %s: %w", ref, err)
			}
			return Dir{Path: real, ID: filepath.Base(real)}, nil
		}
	}
	dirs, err := List(out)
	if err != nil {
		return Dir{}, err
	}
	var found []Dir
	for _, d := range dirs {
		if ref != "" && strings.HasSuffix(d.ID, ref) {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		if below, err := List(ref); err == nil && len(below) > 0 {
			return Dir{}, &SeveralError{ref, len(below), below[len(below)-1].Path}
		}
		return Dir{}, &NotFoundError{ref, out, isSuite(ref) || isSuite(filepath.Join(out, DirSuites, ref))}
	}
	return Dir{}, &AmbiguousError{ref, []string{found[0].ID, found[1].ID}}
}

func isRun(path string) bool {
	for _, f := range []string{FileHistory, FileRun} {
		if fi, err := os.Stat(filepath.Join(path, f)); err == nil && fi.Mode().IsRegular() {
			return true
		}
	}
	return false
}

func isSuite(path string) bool {
	fi, err := os.Stat(filepath.Join(path, FileSuite))
	return err == nil && fi.Mode().IsRegular()
}

// List finds all runs below out, oldest first.
func List(out string) ([]Dir, error) {
	entries, err := os.ReadDir(out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing runs: %w", err)
	}
	var dirs []Dir
	for _, e := range entries {
		if p := filepath.Join(out, e.Name()); e.IsDir() && isRun(p) {
			dirs = append(dirs, Dir{Path: p, ID: e.Name()})
		}
	}
	slices.SortFunc(dirs, func(a, b Dir) int { return strings.Compare(a.ID, b.ID) })
	return dirs, nil
}

// WriteJSON writes v, indented, so that a reader never sees half of it.
func (d Dir) WriteJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	return d.WriteFile(name, append(b, '\n'))
}

// WriteError is a file of a run that could not be written; Err is why, as the file system has it.
type WriteError struct {
	File string
	Err  error
}

// Error names the file, and says why.
func (e *WriteError) Error() string { return fmt.Sprintf("writing %s: %v", e.File, e.Err) }

// Unwrap is why, such as syscall.ENOSPC in an *fs.PathError.
func (e *WriteError) Unwrap() error { return e.Err }

// WriteFile writes a file, so that a reader never sees half of it. Its errors are *WriteError.
func (d Dir) WriteFile(name string, b []byte) error {
	path := d.File(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return &WriteError{name, err}
	}
	tmp := path + ".tmp"
	err := os.WriteFile(tmp, b, 0o666)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp) // half of it, where the disk is full
		return &WriteError{name, err}
	}
	return nil
}

// ReadJSON reads a file that WriteJSON wrote.
func (d Dir) ReadJSON(name string, v any) error {
	b, err := os.ReadFile(d.File(name))
	if err != nil {
		return fmt.Errorf("reading %s of run %s: %w", name, d.ID, err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return &DamagedError{d.ID, fmt.Sprintf("%s cannot be read: %v", d.File(name), err), err}
	}
	return nil
}
