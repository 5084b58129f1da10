package postgres

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// clearSharedMemory removes what a killed server of this data directory has left
// outside of it: a System V segment of 56 bytes that tells whether a server is
// running. A server that ends in order removes it, and the lock file, itself.
func clearSharedMemory(dir string) {
	text, err := os.ReadFile(filepath.Join(dir, lockName))
	if err != nil {
		return
	}
	if id, ok := sharedMemoryID(text); ok {
		removeSharedMemory(id)
	}
}

// sharedMemoryID reads the segment's id from postmaster.pid: its seventh line is
// the key and the id.
func sharedMemoryID(postmaster []byte) (int, bool) {
	scan := bufio.NewScanner(bytes.NewReader(postmaster))
	for line := 1; scan.Scan(); line++ {
		if line != 7 {
			continue
		}
		fields := strings.Fields(scan.Text())
		if len(fields) != 2 {
			return 0, false
		}
		id, err := strconv.Atoi(fields[1])
		return id, err == nil
	}
	return 0, false
}
