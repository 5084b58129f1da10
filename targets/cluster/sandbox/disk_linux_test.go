package sandbox_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

// lendDevice lets ordinary users of this sandbox open /dev/fuse, which may be root's alone.
func lendDevice(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("lapse", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	node := filepath.Join(dir, "fuse")
	if err := unix.Mknod(node, unix.S_IFCHR|0o666, int(unix.Mkdev(10, 229))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(node, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(node, "/dev/fuse", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount("/dev/fuse", unix.MNT_DETACH) })
}

// TestDisks: a node's processes, root or not, in a sandbox of root's or of an ordinary user's,
// have a disk that loses what was not synced, and nothing of it stays when the cluster is closed.
func TestDisks(t *testing.T) {
	if os.Geteuid() == 0 && !sandboxtest.Rootless() {
		lendDevice(t)
	}
	sandboxtest.EachUser(t, func(t *testing.T) {
		for _, notRoot := range []bool{false, true} {
			t.Run(map[bool]string{false: "as the harness", true: "not root"}[notRoot], func(t *testing.T) { loses(t, notRoot) })
		}
	})
}

func loses(t *testing.T, notRoot bool) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	spec := cluster.Spec{Run: "disks", Nodes: []string{"n1"}, Beside: []string{"b1"}, LogDir: t.TempDir(), Needs: []cluster.Capability{cluster.Disks}}
	if err := (sandbox.Provider{}).Available(ctx, spec); err != nil {
		t.Fatal(err)
	}
	if err := (sandbox.Provider{}).Available(ctx, spec); err != nil {
		t.Fatal(err)
	}
	c, err := sandbox.Provider{}.Open(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	n, err := c.Node("n1")
	if err != nil {
		t.Fatal(err)
	}
	beside, err := c.Node("b1")
	if err != nil || cluster.DiskOf(beside) != nil {
		t.Errorf("what is beside the nodes has a disk: %v", err)
	}
	path := func(name string) string { return filepath.Join(n.Dir(), name) }
	if err := os.WriteFile(path("conf"), []byte("of the harness"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := n.Exec(ctx, cluster.Command{Path: "/bin/sh", NotRoot: notRoot, Args: []string{"-c", "echo kept > synced && sync synced && echo gone > unsynced && ls -ln && cat conf"}})
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	loss, err := cluster.DiskOf(n).PowerFailure(ctx, cluster.PowerFailure{})
	if err != nil || loss.Files != 1 || loss.Bytes != 5 || len(loss.Names) != 1 || loss.Names[0] != "unsynced" {
		t.Errorf("it lost %+v (%v)", loss, err)
	}
	for name, want := range map[string]string{"synced": "kept\n", "unsynced": "", "conf": "of the harness"} {
		if got, err := os.ReadFile(path(name)); err != nil || string(got) != want {
			t.Errorf("%s has %q, want %q (%v)", name, got, want, err)
		}
	}
	log, err := os.ReadFile(filepath.Join(n.LogDir(), "disk.log"))
	if err != nil || !strings.Contains(string(log), `file=unsynced bytes=5`) {
		t.Errorf("its log has %q (%v)", log, err)
	}
	dir := filepath.Dir(n.Dir())
	if err := c.Close(ctx); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory stays: %v", err)
	}
	if mounts, err := os.ReadFile("/proc/self/mounts"); err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("its mount stays (%v):\n%s", err, mounts)
	}
}
