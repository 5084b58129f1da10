package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Kill ends the process that serves the disk, as a lack of memory does.
func (d *Disk) Kill() error {
	if err := d.proc.Kill(); err != nil {
		return err
	}
	<-d.ended
	return nil
}

// Signal sends one to the process that serves the disk.
func (d *Disk) Signal(s os.Signal) error { return d.proc.Signal(s) }

// MostInMemory is how much undo logs keep in memory.
const MostInMemory = mostInMemory

// Overflow is the length of the file that has what there is no room for in memory.
func (d *Disk) Overflow(t *testing.T) int64 {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", d.proc.Pid))
	if err != nil {
		t.Fatal(err)
	}
	tmp := os.TempDir()
	for _, path := range paths {
		to, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(to, tmp+"/") || !strings.HasSuffix(to, "(deleted)") {
			continue
		}
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return st.Size()
	}
	t.Fatal("there is no such file")
	return 0
}
