//go:build unix

package formats

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps the first size bytes of f.
func mapFile(f *os.File, size int) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_PRIVATE) //nolint:wrapcheck // who gets it reads the file instead
}

// unmapFile takes back what mapFile has mapped.
func unmapFile(data []byte) { _ = unix.Munmap(data) }

// freePages gives the pages of data back, which begins with one. That it cannot costs memory
// alone.
func freePages(data []byte) { _ = unix.Madvise(data, unix.MADV_DONTNEED) }
