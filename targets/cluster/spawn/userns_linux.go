package spawn

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

func inUserNamespace(build func() *exec.Cmd, start func(*exec.Cmd) error) (*exec.Cmd, error) {
	cmd := build()
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: UserID, HostID: os.Geteuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: UserID, HostID: os.Getegid(), Size: 1}}
	return cmd, start(cmd)
}

// refused says whether err can mean that there are no user namespaces.
func refused(err error) bool {
	for _, e := range []error{syscall.EPERM, syscall.ENOSPC, syscall.EUSERS, syscall.EINVAL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
