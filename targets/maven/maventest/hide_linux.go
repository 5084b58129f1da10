package maventest

import (
	"errors"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"
)

// javas is where distributions keep theirs.
const javas = "/usr/lib/jvm"

// hideJavas puts an empty directory over those of the machine until the test ends.
func hideJavas(t *testing.T) {
	t.Helper()
	err := unix.Mount("tmpfs", javas, "tmpfs", 0, "")
	if errors.Is(err, fs.ErrNotExist) {
		return // there are none
	}
	if err != nil {
		t.Fatalf("hiding %s: %v", javas, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(javas, 0); err != nil {
			t.Errorf("showing %s again: %v", javas, err)
		}
	})
}
