package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// FileLock is the file of a run directory on which the process that makes the run
// holds a lock. The lock goes with the process, however that ends.
const FileLock = "run.lock"

// Lock takes the lock of a run until release is called. A file system without locks
// is no error: then Alive goes by the time.
func (d Dir) Lock() (release func(), err error) {
	f, err := os.OpenFile(d.File(FileLock), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, fmt.Errorf("locking the run: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		_ = f.Close()
		return nil, fmt.Errorf("locking the run %s: another process makes it", d.ID)
	}
	return func() { _ = f.Close() }, nil
}

// StateOf is the state of the run of s: what that says or, where it says that it is
// running and its process is gone, StateKilled.
func (d Dir) StateOf(s *Summary) string {
	if s.State == StateRunning && !d.Alive(s) {
		return StateKilled
	}
	return s.State
}

// abandoned is after how long a run that says that it is running counts as killed
// where no lock tells.
const abandoned = 24 * time.Hour

// Alive tells whether the process that makes the run of s is there. A run that says
// "running" and is not alive was killed.
func (d Dir) Alive(s *Summary) bool {
	if s.State != StateRunning {
		return false
	}
	young := time.Since(s.Started) < abandoned
	f, err := os.OpenFile(d.File(FileLock), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return young
	}
	if err != nil {
		return young // of another user
	}
	defer func() { _ = f.Close() }() // lets go of the lock, if it was free
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
		return young
	}
	return err != nil
}
