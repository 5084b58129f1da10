package history

import (
	"fmt"
	"os"
)

// LaidError says that the parts of a history could not be laid on disk, as where no space is left: nothing is wrong with the
// history.
type LaidError struct {
	// Dir is the directory in which they were to be.
	Dir string
	Err error
}

// Error implements error.
func (e *LaidError) Error() string {
	return fmt.Sprintf("laying the history in %s while it is checked: %v", e.Dir, e.Err)
}

// Unwrap is why, such as syscall.ENOSPC in an *fs.PathError.
func (e *LaidError) Unwrap() error { return e.Err }

// laid is a LaidError of dir, or of the system's directory for temporary files if that is empty.
func laid(dir string, err error) error {
	if dir == "" {
		dir = os.TempDir()
	}
	return &LaidError{dir, err}
}
