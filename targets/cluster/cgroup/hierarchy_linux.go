package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Hierarchy is where groups whose processors are bounded can be made.
type Hierarchy struct {
	// unified: it is of version 2.
	unified bool
	// home is the directory of this process's own group.
	home string
	// parents are where a group could be made, the nearest first.
	parents []string
}

// Find looks for it. The error is a *cluster.EnvironmentError.
func Find() (Hierarchy, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Hierarchy{}, unavailable(err)
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return Hierarchy{}, unavailable(err)
	}
	h, err := find(string(mounts), string(own))
	if err != nil {
		return h, unavailable(err)
	}
	return h, nil
}

func unavailable(err error) error {
	way := "leave the fault cpu-limit out"
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		way += ", or run as root, or in a group that is yours (systemd-run --user --scope -p Delegate=yes)"
	case errors.Is(err, unix.EROFS):
		way += ", or mount /sys/fs/cgroup so that it can be written to (in a container: --privileged)"
	}
	return &cluster.EnvironmentError{Doing: "making a control group with a share of the processors", Err: err, Way: way}
}

// find is Find by what the kernel says of mounts (proc_pid_mountinfo(5)) and of this process's
// groups (cgroups(7)). Version 1 is preferred where it has the controller: then version 2 has it not.
func find(mounts, own string) (Hierarchy, error) {
	groups := map[string]string{} // by controller; version 2 is the empty one
	for line := range strings.Lines(own) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			groups[controller] = parts[2]
		}
	}
	var unified *Hierarchy
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		front, back := strings.Fields(before), strings.Fields(after)
		if !ok || len(front) < 5 || len(back) < 3 {
			continue
		}
		root, at := front[3], unescape(front[4])
		switch back[0] {
		case "cgroup":
			if slices.Contains(strings.Split(back[2], ","), "cpu") {
				return under(root, at, groups["cpu"], false), nil
			}
		case "cgroup2":
			if unified == nil {
				h := under(root, at, groups[""], true)
				unified = &h
			}
		}
	}
	if unified == nil {
		return Hierarchy{}, errors.New("no control groups are mounted that could bound processors")
	}
	return *unified, nil
}

// unescape is a path as mountinfo has it.
func unescape(text string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(text)
}

// under is the hierarchy of which root is mounted at a directory, for a process in group own.
func under(root, at, own string, unified bool) Hierarchy {
	below := strings.TrimPrefix(own, strings.TrimSuffix(root, "/"))
	h := Hierarchy{unified: unified, home: filepath.Join(at, path.Clean("/"+below))}
	for dir := h.home; ; dir = filepath.Dir(dir) {
		h.parents = append(h.parents, dir)
		if dir == at || len(dir) <= len(at) {
			return h
		}
	}
}

// Parents are the directories in which a group could be made, the nearest first.
func (h Hierarchy) Parents() []string { return slices.Clone(h.parents) }

// Each calls do with the directory of each group that can be seen, wherever it is, until do fails. What
// do removes is no matter.
func (h Hierarchy) Each(do func(dir string) error) error {
	root := h.parents[len(h.parents)-1]
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if path == root {
			return err
		}
		// One that cannot be read has gone meanwhile, or is somebody else's.
		if err == nil && entry.IsDir() {
			return do(path)
		}
		return nil
	})
}

// quota is the file in which a group's share is.
func (h Hierarchy) quota() string {
	if h.unified {
		return "cpu.max"
	}
	return "cpu.cfs_quota_us"
}

// Try makes a group, gives it the least share that there is, and removes it. The error is a *cluster.EnvironmentError.
func (h Hierarchy) Try(name string) error {
	g, err := h.Make(name)
	if err != nil {
		return err
	}
	if err := errors.Join(g.Bound(leastShare), g.RemoveEmpty()); err != nil {
		return unavailable(err)
	}
	return nil
}

// Make makes a group of that name, which must be new. The error is a *cluster.EnvironmentError.
func (h Hierarchy) Make(name string) (*Group, error) {
	var errs []error
	for _, parent := range h.parents {
		g := &Group{of: h, dir: filepath.Join(parent, name)}
		if err := os.Mkdir(g.dir, 0o755); err != nil {
			errs = append(errs, err)
			continue
		}
		_, err := os.Stat(filepath.Join(g.dir, h.quota()))
		if err == nil {
			return g, nil
		}
		errs = append(errs, fmt.Errorf("%s bounds no processors: %w", parent, err), os.Remove(g.dir))
	}
	return nil, unavailable(errors.Join(errs...))
}
