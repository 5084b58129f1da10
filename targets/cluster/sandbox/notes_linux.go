package sandbox

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The notes are a file in memory that the outer process, init and the harness
// share. The harness notes there which directories on disk are to be removed; the
// others remove them when the harness did not get to it: init, if it is the
// harness or the outer process that was killed, and the outer process, if it is
// init.

// Descriptors of the notes.
const (
	initNotesFD = 5
	notesFD     = 3 // in the harness
)

func init() {
	if m, inside := readMarker(); inside {
		for i := range 1 + m.files {
			syscall.CloseOnExec(notesFD + i) // not for the nodes' processes
		}
	}
}

func newNotes() (*os.File, error) {
	fd, err := unix.MemfdCreate("lapse-notes", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making a file in memory: %w", err)
	}
	return os.NewFile(uintptr(fd), "notes"), nil
}

// removeOnEnd has dir removed when the sandbox ends; the function that it returns
// takes this back.
func removeOnEnd(dir string) (forget func(), err error) {
	if err := note("+" + dir); err != nil {
		return nil, fmt.Errorf("noting that %s is to be removed: %w", dir, err)
	}
	// What stays noted is removed again, which does no harm: the name is not
	// used twice.
	return func() { _ = note("-" + dir) }, nil
}

// note writes a line. All lines end in a zero byte: a path may hold anything else.
func note(line string) error {
	_, err := syscall.Write(notesFD, []byte(line+"\x00"))
	return err
}

func removeNoted(f *os.File) {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	if err != nil {
		return // nobody is left to be told
	}
	for dir := range noted(string(text)) {
		_ = os.RemoveAll(dir)
	}
}

// noted are the directories that are to be removed.
func noted(text string) map[string]bool {
	dirs := map[string]bool{}
	for _, line := range strings.Split(text, "\x00") {
		switch {
		case strings.HasPrefix(line, "+/"):
			dirs[line[1:]] = true
		case strings.HasPrefix(line, "-"):
			delete(dirs, line[1:])
		}
	}
	return dirs
}
