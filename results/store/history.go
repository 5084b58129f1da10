package store

import (
	"errors"
	"fmt"
	"io/fs"

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
