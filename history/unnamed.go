package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// partsPattern are the names that files with the parts of a history have for a moment, where a file needs a name at first.
const partsPattern = "lapse-parts-*"

// named makes a file in dir and takes its name away, so that nothing stays behind however the process ends but in the moment
// between the two.
func named(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, partsPattern)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says what for
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// leftAge is how old a file is that a process which was killed has left: one that lives takes the name away at once.
const leftAge = time.Minute

// RemoveLeft removes the files with parts of histories from dir that processes left which were killed as they made them, and
// returns their paths. A directory that is not there has none. What another user left, who shares dir, stays.
func RemoveLeft(dir string) (removed []string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, partsPattern))
	if err != nil {
		return nil, fmt.Errorf("looking for what is left in %s: %w", dir, err)
	}
	for _, f := range files {
		st, statErr := os.Lstat(f)
		if statErr != nil || !st.Mode().IsRegular() || time.Since(st.ModTime()) < leftAge {
			continue
		}
		wrong := os.Remove(f)
		if errors.Is(wrong, fs.ErrNotExist) || errors.Is(wrong, fs.ErrPermission) {
			continue // removed meanwhile; another user's, who shares the directory for temporary files
		}
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("removing what is left: %w", wrong))
			continue
		}
		removed = append(removed, f)
	}
	return removed, err
}
