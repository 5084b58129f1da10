package history

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// unnamed makes a file in dir, the system's directory for temporary files if that is empty, which never has a name where the
// file system can do that: then nothing stays behind however the process ends.
func unnamed(dir string) (*os.File, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return named(dir) // which says what is wrong, if more is than that the file system cannot
	}
	return os.NewFile(uintptr(fd), fmt.Sprintf("%s/(a file without a name)", dir)), nil
}
