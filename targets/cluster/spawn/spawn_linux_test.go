package spawn

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
)

// id runs `id -u` and writes a file, as a node's command that must not be root.
func id(t *testing.T, start func(*exec.Cmd) error) (uid string, file os.FileInfo) {
	t.Helper()
	home := filepath.Join(t.TempDir(), "n1")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // a test's directories are closed to others
		for d := filepath.Dir(home); d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
			if err := os.Chmod(d, 0o711); err != nil {
				t.Fatal(err)
			}
		}
	}
	var out bytes.Buffer
	cmd, err := Start(true, home, func() *exec.Cmd {
		cmd := Cmd(context.Background(), cluster.Command{Path: "/bin/sh", Args: []string{"-c", "id -u; echo x > file"}}, home)
		cmd.Stdout, cmd.Stderr = &out, &out
		return cmd
	}, start)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	file, err = os.Stat(filepath.Join(home, "file"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String()), file
}

func owner(f os.FileInfo) int { return int(f.Sys().(*syscall.Stat_t).Uid) }

func TestNotRoot(t *testing.T) {
	uid, file := id(t, (*exec.Cmd).Start)
	if uid == "0" {
		t.Error("the process is root")
	}
	if owner(file) != os.Geteuid() {
		t.Errorf("its file belongs to user %d, want this user %d", owner(file), os.Geteuid())
	}
}

// TestNotRootWithoutUserNamespaces refuses them as a kernel does that has none.
func TestNotRootWithoutUserNamespaces(t *testing.T) {
	uid, file := id(t, func(cmd *exec.Cmd) error {
		if cmd.SysProcAttr.Cloneflags&syscall.CLONE_NEWUSER != 0 {
			return &os.PathError{Op: "fork/exec", Path: cmd.Path, Err: syscall.EPERM}
		}
		return cmd.Start()
	})
	want := UserID
	if os.Geteuid() != 0 {
		want = os.Geteuid() // there was no need
	}
	if uid == "0" || owner(file) != want {
		t.Errorf("the process is user %s, its file belongs to %d, want %d", uid, owner(file), want)
	}
}

func TestOtherErrorsAreReturned(t *testing.T) {
	calls := 0
	_, err := Start(true, t.TempDir(), func() *exec.Cmd { return Cmd(context.Background(), cluster.Command{Path: "/x"}, "/") },
		func(*exec.Cmd) error { calls++; return syscall.ENOENT })
	if !errors.Is(err, syscall.ENOENT) || calls != 1 {
		t.Errorf("%v after %d calls, want ENOENT after one", err, calls)
	}
}
