//go:build linux || darwin

package launch

import "golang.org/x/sys/unix"

// roomIn is what an ordinary user may still write on the disk on which dir is.
func roomIn(dir string) (bytes uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}
