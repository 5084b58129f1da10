//go:build !linux

package local

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// Without /proc and subreapers, a node is the process group of its main process.

func adoptOrphans() error { return nil }

func dieWithParent(*syscall.SysProcAttr) {}

func killFamily(main int, none <-chan struct{}) error {
	if err := syscall.Kill(-main, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) && !errors.Is(err, syscall.EPERM) {
		return err // EPERM is what macOS says of a group of zombies
	}
	<-none
	return nil
}

type family struct{ supervisor, main int }

func (f family) pause(context.Context) error  { return syscall.Kill(-f.main, syscall.SIGSTOP) }
func (f family) resume(context.Context) error { return syscall.Kill(-f.main, syscall.SIGCONT) }

func (f family) signal(sig syscall.Signal) error { return syscall.Kill(f.main, sig) }

func (f family) paused() bool {
	out, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(f.main)).Output()
	return err == nil && strings.HasPrefix(strings.TrimSpace(string(out)), "T")
}
