//go:build linux || darwin

package launch

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// roomIn is how much may still be written on the disk on which dir is, by whoever started us: an ordinary user gets nothing of what
// is kept for root. A file system that does not say how large it is does not say how full it is either.
func roomIn(dir string) (bytes uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	switch {
	case st.Blocks == 0:
		return 0, errors.ErrUnsupported
	case os.Geteuid() == 0:
		return st.Bfree * uint64(st.Bsize), nil
	}
	return st.Bavail * uint64(st.Bsize), nil
}
