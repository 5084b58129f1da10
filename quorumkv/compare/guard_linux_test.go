package compare

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// guard has a process of its own remove dir when this one has ended, however it ends; release ends that process, which removes dir too. What writes there may end a moment
// later, so that it is tried more than once.
func guard(dir string) (release func() error, err error) {
	const script = `cat; for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$0" && exit; sleep 0.5; done`
	cmd := exec.Command("/bin/sh", "-c", script, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what kills this process's group does not kill it
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("guard %s: %w", dir, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guard %s: %w", dir, err)
	}
	return func() error { return errors.Join(in.Close(), cmd.Wait()) }, nil
}

// envGuarded is the directory that this test, as a process that is killed, has guarded.
const envGuarded = "LAPSE_TEST_GUARDED"

// TestGuard: a directory goes with the process that had it guarded, also by kill -9.
func TestGuard(t *testing.T) {
	if dir := os.Getenv(envGuarded); dir != "" {
		if _, err := guard(dir); err != nil {
			t.Fatal(err)
		}
		fmt.Println("guarded")
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
		return
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(filepath.Join(dir, "n1"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestGuard$")
	cmd.Env = append(os.Environ(), envGuarded+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if said, err := bufio.NewReader(out).ReadString('\n'); err != nil || said != "guarded\n" {
		t.Fatalf("it says %q, %v", said, err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("before: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Since(begin) > time.Minute {
			t.Fatal("the directory is still there")
		}
	}
}
