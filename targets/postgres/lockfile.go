package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// lockName is the file by which a server says that it has a data directory.
const lockName = "postmaster.pid"

// clearEmptyLock removes a lock file with nothing in it and says whether there was one. A
// server syncs the file unless it syncs nothing: then a power failure leaves an empty one,
// and no server starts until somebody has removed it, who knows that none is running. Nobody
// may be running.
func clearEmptyLock(dir string) (bool, error) {
	path := filepath.Join(dir, lockName)
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && st.Size() > 0 {
		return false, nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return false, fmt.Errorf("removing an empty %s: %w", lockName, err)
	}
	return true, nil
}

// unlock has node, whose processes are gone, start in spite of an empty lock file.
func (s *System) unlock(node int) error {
	n := s.Nodes[node]
	empty, err := clearEmptyLock(dataDir(n))
	if err != nil {
		return fmt.Errorf("starting %s: %w", n.Name(), err)
	}
	if empty {
		s.Tell("restart", "the %s of %s was empty, so that no server would have started, and was removed, as an operator would", lockName, n.Name())
	}
	return nil
}
