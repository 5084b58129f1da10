//go:build unix

package nemesis

import (
	"errors"
	"syscall"
)

// processExists tells whether there is a process with that id.
func processExists(pid int) bool {
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
