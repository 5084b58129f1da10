package sandbox_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster/cgroup"
	"github.com/lapse-test/lapse/targets/cluster/owner"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

// TestCleanGroups: of the control groups that there are those are removed whose owner is certainly
// gone, wherever they are; none that has a process, and none of somebody else's.
func TestCleanGroups(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		if sandboxtest.Rootless() { // who may make no group leaves none
			if removed, err := (sandbox.Provider{}).Clean(t.Context()); err != nil || len(removed) > 0 {
				t.Errorf("%v %v", removed, err)
			}
			return
		}
		self, err := owner.Self()
		if err != nil {
			t.Fatal(err)
		}
		part := strings.Split(self.String(), "/")
		by := func(i int, with string) string {
			p := slices.Clone(part)
			p[i] = with
			return "@" + strings.Join(p, ",")
		}
		h, err := cgroup.Find()
		if err != nil {
			t.Fatal(err)
		}
		root := h.Parents()[len(h.Parents())-1]
		above := filepath.Join(root, "test-"+strconv.Itoa(os.Getpid()))
		var made []string
		add := func(parent, name string) string {
			dir := filepath.Join(parent, name)
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			made = append(made, dir)
			t.Cleanup(func() { _ = os.Remove(dir) })
			return dir
		}
		add(root, filepath.Base(above))
		add(root, "lapse-alive-A"+by(0, part[0]))
		add(root, "lapse-elsewhere-A"+by(1, "pid:[1]"))
		add(root, "lapse-garbage-A@x")
		add(root, "other-A"+by(3, "1"))
		busy := add(root, "lapse-busy-A"+by(3, "1"))
		want := []string{add(above, "lapse-below-A"+by(0, "earlier")), add(root, "lapse-dead-A"+by(3, "1"))}

		sleeper := exec.Command("/bin/sleep", "600")
		if err := sleeper.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() })
		if err := os.WriteFile(filepath.Join(busy, "cgroup.procs"), []byte(strconv.Itoa(sleeper.Process.Pid)), 0); err != nil {
			t.Fatal(err)
		}
		removed, err := (sandbox.Provider{}).Clean(t.Context())
		if !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), busy) || strings.Count(err.Error(), "lapse-") != 1 {
			t.Errorf("with a group that has a process: %v", err)
		}
		var names []string
		for _, r := range removed {
			names = append(names, r.Name)
		}
		slices.Sort(names)
		slices.Sort(want)
		if !slices.Equal(names, want) {
			t.Errorf("it removed %q, want %q", names, want)
		}
		for _, dir := range made {
			if _, err := os.Stat(dir); (err != nil) != slices.Contains(want, dir) {
				t.Errorf("%s: %v", dir, err)
			}
		}
	})
}
