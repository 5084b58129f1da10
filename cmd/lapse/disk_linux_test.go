package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestKilledCheckLeavesNothing: a check part by part that is killed in its middle leaves no file.
func TestKilledCheckLeavesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "h.lapse")
	if err := recordRegisters(file, 200_000, 50, 1000); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	check := exec.CommandContext(t.Context(), "lapse", "check", "-", "--follow", "--model", "linearizable")
	check.Env = append(os.Environ(), "TMPDIR="+dir)
	in, err := check.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := check.Start(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(b[:len(b)/2]); err != nil { // it waits for the rest, with parts on disk
		t.Fatal(err)
	}
	for !holds(t, check.Process.Pid, dir) {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := check.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = check.Wait()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// holds tells whether a process has a file in dir open.
func holds(t *testing.T, pid int, dir string) bool {
	t.Helper()
	fds := fmt.Sprintf("/proc/%d/fd", pid)
	open, err := os.ReadDir(fds)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open {
		if path, err := os.Readlink(filepath.Join(fds, fd.Name())); err == nil && strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}
