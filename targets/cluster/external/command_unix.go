//go:build unix

package external

import (
	"os/exec"
	"syscall"
)

// ownGroup gives a command a process group of its own, and endGroup ends it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func endGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
