package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// History loads the history of the run. Why a run has none is said; errors that are not of the file system are
// *DamagedError.
func (d Dir) History() (*history.History, error) {
	h, err := history.ReadFile(d.File(FileHistory))
	if err != nil {
		return nil, d.unreadable(err)
	}
	return h, nil
}

// unreadable says why the history cannot be read.
func (d Dir) unreadable(err error) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		var s Summary
		if d.ReadJSON(FileRun, &s) == nil && s.Load != nil {
			return &DamagedError{d.ID, s.WithoutHistory() + ": what it found, `lapse show` says from " + d.File(FileRun), err}
		}
		return &DamagedError{d.ID, s.WithoutHistory() + "; `lapse show` says why if it could, and " + d.File(FileLog) + " has the rest", err}
	case errors.As(err, &path):
		return fmt.Errorf("loading run %s: %w", d.ID, err)
	}
	return &DamagedError{d.ID, "its history cannot be read: " + err.Error(), err}
}

// WithoutHistory says why the run of s has no history, where it has none: it ended before its load began, or the file was taken away.
func (s *Summary) WithoutHistory() string {
	if s.Load != nil {
		return "its history is gone: " + FileHistory + " was there when the run ended"
	}
	return "it has no history: it ended before its load began"
}

// errWitness is what Fits finds.
var errWitness = errors.New("its witnesses name operations that its history does not have")

// Fits says, as a *DamagedError, that the witnesses in s name operations that h does not
// have, where s and h are those of the run: whoever looks them up relies on it.
func (d Dir) Fits(s *Summary, h history.Ordered) error {
	for i := range s.Verdicts {
		for j := range s.Verdicts[i].Violations {
			v := &s.Verdicts[i].Violations[j]
			if slices.ContainsFunc(v.Ops, func(op int) bool { return op < 0 || op >= h.Count() }) {
				return &DamagedError{d.ID, fmt.Sprintf("%v; `lapse check %s` checks it again", errWitness, d.ID), errWitness}
			}
		}
	}
	return nil
}

// LargeHistory is the size of a history's file, in bytes, from which on its operations stay on disk where they can, as they
// do in a check part by part: about four million of the binary format, which take four hundred megabytes in memory.
const LargeHistory = 64 << 20

// Ordered opens the history of the run to walk over its operations: those of a large one are laid on disk, in the run's
// directory and without a name, until done is called, or in memory where that directory takes nothing: it is full, or who
// looks at the run may not write there. The errors are those of History.
func (d Dir) Ordered() (o history.Ordered, done func() error, err error) {
	file := d.File(FileHistory)
	if st, err := os.Stat(file); err == nil && st.Size() >= LargeHistory {
		if p, err := history.LayFile(file, d.Path); err == nil {
			return p, p.Close, nil
		} // where it is the history that is wrong, loading it says so
	}
	h, err := d.History()
	if err != nil {
		return nil, nil, err
	}
	return h, func() error { return nil }, nil
}
