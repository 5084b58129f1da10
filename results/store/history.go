package store

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// History loads the history of the run. A run without one ended before its load
// began, and that is said; errors that are not of the file system are
// *DamagedError.
func (d Dir) History() (*history.History, error) {
	h, err := history.ReadFile(d.File(FileHistory))
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &DamagedError{d.ID, "it has no history: it ended before its load began; `lapse show` says why if it could, and " + d.File(FileLog) + " has the rest", err}
	case errors.As(err, &path):
		return nil, fmt.Errorf("loading run %s: %w", d.ID, err)
	case err != nil:
		return nil, &DamagedError{d.ID, "its history cannot be read: " + err.Error(), err}
	}
	return h, nil
}

// errWitness is what Fits finds.
var errWitness = errors.New("its witnesses name operations that its history does not have")

// Fits says, as a *DamagedError, that the witnesses in s name operations that h does not
// have, where s and h are those of the run: whoever looks them up relies on it.
func (d Dir) Fits(s *Summary, h *history.History) error {
	for i := range s.Verdicts {
		for j := range s.Verdicts[i].Violations {
			v := &s.Verdicts[i].Violations[j]
			if slices.ContainsFunc(v.Ops, func(op int) bool { return op < 0 || op >= len(h.Ops) }) {
				return &DamagedError{d.ID, fmt.Sprintf("%v; `lapse check %s` checks it again", errWitness, d.ID), errWitness}
			}
		}
	}
	return nil
}
