package history

import (
	"os"
	"syscall"
)

// dataSync waits until the disk has what was written to f. It is safe beside
// f.Close, and does not touch f's mode as f.Fd would.
func dataSync(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var synced error
	err = conn.Control(func(fd uintptr) {
		for {
			if synced = syscall.Fdatasync(int(fd)); synced != syscall.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return synced
}
