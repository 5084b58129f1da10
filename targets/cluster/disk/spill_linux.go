package disk

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// newSpill is one with a file in the directory dir, which has no name and so goes with this
// process, however that ends.
func newSpill(dir string, log *journal) *spill {
	return &spill{
		most: mostInMemory,
		open: func() (overflow, error) { return nameless(dir) },
		failed: func(err error) {
			log.Warn("what is not synced stays in memory, as a file takes no more of it", "dir", dir, "error", err)
		},
	}
}

// nameless is a file in dir without a name.
func nameless(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), "what is not synced"), nil
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("making a file in %s: %w", dir, err)
	}
	// Not every file system can make one without a name.
	f, err := os.CreateTemp(dir, "lapse-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
