//go:build unix

package postgres

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes an exclusive lock that ends with this process at the latest.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err == nil {
			return func() { _ = f.Close() }, nil // which ends the lock
		}
		if err != unix.EINTR {
			_ = f.Close() // it has failed already
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
}

// openHere says whether this process has the file open.
func openHere(path string) bool {
	var want, got unix.Stat_t
	if unix.Stat(path, &want) != nil {
		return false
	}
	for fd := range 1024 {
		if unix.Fstat(fd, &got) == nil && got.Dev == want.Dev && got.Ino == want.Ino {
			return true
		}
	}
	return false
}

// owner is the owner of a file.
func owner(path string) (uid, gid int, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, 0, fmt.Errorf("asking for the owner of %s: %w", path, err)
	}
	return int(st.Uid), int(st.Gid), nil
}

// removeSharedMemory removes a System V shared memory segment that no process is
// attached to: what a killed server leaves in the machine.
func removeSharedMemory(id int) {
	var d unix.SysvShmDesc
	if _, err := unix.SysvShmCtl(id, unix.IPC_STAT, &d); err != nil || d.Nattch != 0 {
		return
	}
	_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) // gone already is as good
}
