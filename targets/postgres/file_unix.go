//go:build unix

package postgres

import (
	"fmt"

	"golang.org/x/sys/unix"
)

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
