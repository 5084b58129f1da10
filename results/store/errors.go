package store

import (
	"fmt"
)

// DamagedError says that a file of a stored run cannot be read or is not there,
// although the file system works.
type DamagedError struct {
	Run, Text string
	// Err is the error of reading.
	Err error
}

// Error names the run and what is wrong with it; Text has what Err says.
func (e *DamagedError) Error() string { return fmt.Sprintf("run %s: %s", e.Run, e.Text) }

// Unwrap is Err, never nil.
func (e *DamagedError) Unwrap() error { return e.Err }
