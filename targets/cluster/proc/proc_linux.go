// Package proc acts on all processes of a node at once: those in a network
// namespace, or all descendants of a process, as /proc tells.
package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Set tells which processes, dead ones (zombies) excepted, belong together.
type Set interface {
	// All are the process ids, in no order.
	All() ([]int, error)
	// Has says whether pid is one of them now.
	Has(pid int) bool
}

// all are the ids of all processes that /proc shows.
func all() ([]int, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	defer func() { _ = d.Close() }()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var pids []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Stat is what /proc/PID/stat tells of a process or thread.
type Stat struct {
	// State is R, S, D, T (stopped), t (traced), Z (zombie), X ...
	State byte
	// Parent is the parent's process id.
	Parent int
	// Started is when it was started, in clock ticks since the machine was.
	Started uint64
}

// ReadStat reads /proc/<pid>/stat. See proc_pid_stat(5).
func ReadStat(pid int) (Stat, error) { return readStat("/proc/" + strconv.Itoa(pid) + "/stat") }

func readStat(file string) (Stat, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return Stat{}, err
	}
	st, err := parseStat(b)
	if err != nil {
		return Stat{}, fmt.Errorf("%s: %w", file, err)
	}
	return st, nil
}

func parseStat(b []byte) (Stat, error) {
	// The command's name stands in parentheses and may hold any character.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const started = 22 - 3 // the third field is the first behind the name
	if len(f) <= started {
		return Stat{}, fmt.Errorf("want a state, a parent and a time behind the name, got %q", b)
	}
	parent, err := strconv.Atoi(string(f[1]))
	if err != nil {
		return Stat{}, fmt.Errorf("parent: %w", err)
	}
	ticks, err := strconv.ParseUint(string(f[started]), 10, 64)
	if err != nil {
		return Stat{}, fmt.Errorf("time of its start: %w", err)
	}
	return Stat{State: f[0][0], Parent: parent, Started: ticks}, nil
}

func dead(state byte) bool { return state == 'Z' || state == 'X' || state == 'x' }

// NetworkNamespace is the processes in the network namespace with this inode,
// this process itself excepted: its threads may be there for a moment.
type NetworkNamespace uint64

// All implements Set.
func (ns NetworkNamespace) All() ([]int, error) {
	pids, err := all()
	if err != nil {
		return nil, err
	}
	var in []int
	for _, pid := range pids {
		if ns.Has(pid) {
			in = append(in, pid)
		}
	}
	return in, nil
}

// Has implements Set. A zombie has no namespace any more.
func (ns NetworkNamespace) Has(pid int) bool {
	if pid == os.Getpid() {
		return false
	}
	link, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/net")
	return err == nil && link == "net:["+strconv.FormatUint(uint64(ns), 10)+"]"
}

// Descendants is the children of the process with this id, their children, and
// so on, but not itself. It is exact if that process is a child subreaper, see
// PR_SET_CHILD_SUBREAPER(2const): then nobody escapes by losing its parent.
type Descendants int

// All implements Set.
func (root Descendants) All() ([]int, error) {
	pids, err := all()
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	alive := map[int]bool{}
	for _, pid := range pids {
		if st, err := ReadStat(pid); err == nil { // else it has just ended
			children[st.Parent] = append(children[st.Parent], pid)
			alive[pid] = !dead(st.State)
		}
	}
	var out []int
	for todo := children[int(root)]; len(todo) > 0; {
		pid := todo[0]
		todo = append(todo[1:], children[pid]...)
		if alive[pid] {
			out = append(out, pid)
		}
	}
	return out, nil
}

// Has implements Set.
func (root Descendants) Has(pid int) bool {
	for pid > 1 {
		st, err := ReadStat(pid)
		if err != nil {
			return false
		}
		if st.Parent == int(root) {
			return true
		}
		pid = st.Parent
	}
	return false
}

// Sets is all that is in one of several sets, which have no process in common.
type Sets []Set

// All implements Set.
func (s Sets) All() ([]int, error) {
	var out []int
	for _, one := range s {
		pids, err := one.All()
		if err != nil {
			return nil, err
		}
		out = append(out, pids...)
	}
	return out, nil
}

// Has implements Set.
func (s Sets) Has(pid int) bool {
	for _, one := range s {
		if one.Has(pid) {
			return true
		}
	}
	return false
}

// Signal sends sig to pid if it is in the set, and does nothing otherwise. The descriptor makes sure that it
// is not another process which has got the same id meanwhile.
func Signal(set Set, pid int, sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		if errors.Is(err, syscall.ESRCH) {
			return nil
		}
		return fmt.Errorf("opening process %d: %w", pid, err)
	}
	defer func() { _ = unix.Close(fd) }()
	if !set.Has(pid) {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("sending %v to process %d: %w", sig, pid, err)
	}
	return nil
}

// until sends sig to those of the set that are not yet as wanted, again and
// again, until two looks in a row found none: one look can miss a process that
// was being forked.
func until(ctx context.Context, set Set, sig syscall.Signal, wanted func(pid int) bool) error {
	calm := 0
	return cluster.Await(ctx, fmt.Sprintf("all processes to react to %v", sig), func(context.Context) error {
		for calm < 2 {
			pids, err := set.All()
			if err != nil {
				return err
			}
			var left []int
			for _, pid := range pids {
				if wanted(pid) {
					continue
				}
				left = append(left, pid)
				if err := Signal(set, pid, sig); err != nil {
					return err
				}
			}
			if len(left) > 0 {
				calm = 0
				return fmt.Errorf("processes %v have not", left)
			}
			calm++
		}
		return nil
	})
}

// Kill sends SIGKILL to all and returns when none is left.
func Kill(ctx context.Context, set Set) error {
	return until(ctx, set, syscall.SIGKILL, func(int) bool { return false })
}

// Pause sends SIGSTOP to all and returns when every thread of theirs was seen
// to be stopped.
func Pause(ctx context.Context, set Set) error {
	return until(ctx, set, syscall.SIGSTOP, Stopped)
}

// Resume sends SIGCONT to all and returns when none is stopped any more.
func Resume(ctx context.Context, set Set) error {
	return until(ctx, set, syscall.SIGCONT, func(pid int) bool {
		st, err := ReadStat(pid)
		return err != nil || st.State != 'T'
	})
}

// Stopped says whether every thread of the process is stopped by a signal, or
// has ended.
func Stopped(pid int) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return true // ended
	}
	for _, t := range threads {
		st, err := readStat(dir + "/" + t.Name() + "/stat")
		if err == nil && st.State != 'T' && st.State != 't' && !dead(st.State) {
			return false
		}
	}
	return true
}

// Frozen says whether the kernel's freezer holds the process's control group, as it
// does with a container that is paused.
func Frozen(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return false
	}
	for _, line := range strings.Split(string(text), "\n") {
		part := strings.SplitN(line, ":", 3) // hierarchy, controllers, path; see cgroups(7)
		if len(part) != 3 {
			continue
		}
		switch {
		case part[1] == "freezer":
			state, err := os.ReadFile("/sys/fs/cgroup/freezer" + part[2] + "/freezer.state")
			return err == nil && strings.TrimSpace(string(state)) == "FROZEN"
		case part[0] == "0":
			events, err := os.ReadFile("/sys/fs/cgroup" + part[2] + "/cgroup.events")
			if err == nil && strings.Contains(string(events), "frozen 1") {
				return true
			}
		}
	}
	return false
}
