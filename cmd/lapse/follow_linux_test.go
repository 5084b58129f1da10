package main

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/results/verdict"
)

// TestFollowPipe: nobody writes to a pipe any more, or the user interrupts while somebody
// still could.
func TestFollowPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	open := func() *os.File {
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	write := func(w *os.File, text string) {
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	end := func(w *os.File) {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	f := follow(t, path)
	w := open()
	write(w, beginning)
	write(w, stale)
	f.until(&f.out, violation)
	end(w)
	f.ends(verdict.ExitViolated, "its end did not come", "VIOLATION 1 of 1")

	f = follow(t, path)
	w = open()
	write(w, beginning)
	write(w, stale)
	f.until(&f.out, violation)
	f.interrupt()
	f.ends(verdict.ExitViolated, "interrupted: what follows", "VIOLATION 1 of 1")
	end(w)

	f = follow(t, path) // which waits for somebody to open it
	f.interrupt()
	f.ends(verdict.ExitInterrupted)
}
