package cgroup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFind: where groups can be made, by what the kernel says of mounts and of this process.
func TestFind(t *testing.T) {
	const (
		v1   = "30 20 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 - cgroup cgroup rw,cpu,cpuacct\n"
		set  = "31 20 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
		v2   = "32 20 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		pod  = "33 20 0:26 /docker/ab /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
		wide = "34 20 0:28 / /mnt/a\\040b rw - cgroup2 none rw\n"
	)
	for _, c := range []struct {
		name, mounts, own string
		unified           bool
		parents           []string // none: an error
	}{
		{"version 1, at its root", v1, "1:cpu,cpuacct:/\n", false, []string{"/sys/fs/cgroup/cpu,cpuacct"}},
		{"version 1, in a group", v1, "3:cpuset:/x\n1:cpu,cpuacct:/a/b\n", false, []string{"/sys/fs/cgroup/cpu,cpuacct/a/b", "/sys/fs/cgroup/cpu,cpuacct/a", "/sys/fs/cgroup/cpu,cpuacct"}},
		{"version 1 beside version 2", v2 + v1, "1:cpu,cpuacct:/\n0::/a\n", false, []string{"/sys/fs/cgroup/cpu,cpuacct"}},
		{"version 1 of another controller", set, "2:cpuset:/\n", false, nil},
		{"version 2", set + v2, "0::/user.slice/a.scope\n", true, []string{"/sys/fs/cgroup/user.slice/a.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"}},
		{"a part of version 1 is mounted", pod, "1:cpu:/docker/ab/c\n", false, []string{"/sys/fs/cgroup/cpu/c", "/sys/fs/cgroup/cpu"}},
		{"a place with a space", wide, "0::/\n", true, []string{"/mnt/a b"}},
		{"a group beyond what is seen", v2, "0::/../x\n", true, []string{"/sys/fs/cgroup/x", "/sys/fs/cgroup"}},
		{"none", "25 1 8:1 / / rw - ext4 /dev/root rw\n", "0::/\n", false, nil},
		{"garbage", "cgroup - cgroup\n - \n", "x\n", false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := find(c.mounts, c.own)
			if (err != nil) != (c.parents == nil) || h.unified != c.unified || !slices.Equal(h.parents, c.parents) {
				t.Errorf("%+v, %v; want version 2 %t, %v", h, err, c.unified, c.parents)
			}
		})
	}
}

// TestFiles: what is written to and read from the files of both versions, here in a directory.
func TestFiles(t *testing.T) {
	for _, unified := range []bool{false, true} {
		files := map[string]string{"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "50000\n",
			"cpu.stat": "nr_periods 7\nnr_throttled 3\nthrottled_time 5000000\nnr_bursts 0\n", "cgroup.procs": "12\n7\n"}
		after := map[string]string{"cpu.cfs_quota_us": "5000", "cpu.cfs_period_us": "100000"}
		if unified {
			files = map[string]string{"cpu.max": "max 100000\n", "cgroup.procs": "12\n7\n",
				"cpu.stat": "usage_usec 99\nnr_periods 7\nnr_throttled 3\nthrottled_usec 5000\ncore_sched.force_idle_usec 0\n"}
			after = map[string]string{"cpu.max": "5000 100000"}
		}
		g := &Group{of: Hierarchy{unified: unified}, dir: t.TempDir()}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if share, err := g.Share(); err != nil || share != 0 {
			t.Errorf("version 2 %t: unbounded, its share is %v (%v)", unified, share, err)
		}
		periods, throttled, waited, err := g.Stat()
		if err != nil || periods != 7 || throttled != 3 || waited != 5*time.Millisecond {
			t.Errorf("version 2 %t: %d periods, %d, %v (%v)", unified, periods, throttled, waited, err)
		}
		if members, err := g.Members(); err != nil || !slices.Equal(members, []int{12, 7}) {
			t.Errorf("version 2 %t: its members are %v (%v)", unified, members, err)
		}
		// A file of the kernel's takes a value whole; one of a directory keeps what is longer.
		for name := range after {
			if err := os.Truncate(filepath.Join(g.dir, name), 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Bound(0.05); err != nil {
			t.Fatal(err)
		}
		for name, want := range after {
			if b, err := os.ReadFile(filepath.Join(g.dir, name)); err != nil || string(b) != want {
				t.Errorf("version 2 %t: %s has %q, want %q (%v)", unified, name, b, want, err)
			}
		}
		if share, err := g.Share(); err != nil || share != 0.05 {
			t.Errorf("version 2 %t: its share is %v (%v)", unified, share, err)
		}
	}
}

// TestRemove: a group whose processes do not leave it is waited for as long as there is time, and one
// that is not there is removed.
func TestRemove(t *testing.T) {
	home := t.TempDir()
	file := func(dir, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file(home, "")
	g := &Group{of: Hierarchy{home: home}, dir: t.TempDir()}
	file(g.dir, "12\n") // of a directory, nobody leaves it by being in another
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Remove(ctx); err == nil || !strings.Contains(err.Error(), "processes [12] do not leave") {
		t.Errorf("of one that has a process: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(home, "cgroup.procs")); err != nil || string(b) != "12" {
		t.Errorf("it was moved to %q (%v)", b, err)
	}
	if err := os.RemoveAll(g.dir); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.Remove(t.Context()), g.RemoveEmpty()); err != nil {
		t.Errorf("of none: %v", err)
	}
}
