package spawn

import (
	"errors"
	"syscall"
)

// Reap waits for the children of this process, orphans that it adopted included, and returns when there are none. ended
// is called with the status of main.
func Reap(main int, ended func(syscall.WaitStatus)) {
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return
		case pid == main:
			ended(ws)
		}
	}
}
