package inpod

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is one that the pod's containers run.
type process struct {
	pid int
	// mounts are those of its container; born is when it began, which tells it from a later
	// one with the same number.
	mounts, born string
	// line is its command line.
	line string
}

// errNoListener is about a database that cannot be found by its port.
var errNoListener = errors.New("no process that can be seen listens on the database's port: the pod needs shareProcessNamespace: true")

// errOwn keeps the agent from breaking what is beside it in its own container, or on a
// machine that is no pod.
var errOwn = errors.New("the process that listens on the database's port is in the same container as this one")

// database is what runs in the container one of whose processes listens on the port; beside it are
// the mounts of the other containers.
func database(port int) (all []process, beside map[string]bool, err error) {
	sockets, err := listening(port)
	if err != nil {
		return nil, nil, err
	}
	all, err = processes()
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(all, func(p process) bool { return p.pid != 1 && p.has(sockets) })
	if i < 0 {
		return nil, nil, errNoListener
	}
	mounts := all[i].mounts
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return nil, nil, err
	}
	if mounts == own {
		return nil, nil, errOwn
	}
	beside = map[string]bool{own: true}
	for _, p := range all {
		if p.mounts != mounts {
			beside[p.mounts] = true
		}
	}
	return slices.DeleteFunc(all, func(p process) bool { return p.mounts != mounts }), beside, nil
}

// processes are all that can be seen. Those that end meanwhile are left out.
func processes() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var out []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, err := look(pid); err == nil {
			out = append(out, p)
		}
	}
	return out, nil
}

func look(pid int) (process, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	mounts, err := os.Readlink(dir + "/ns/mnt")
	if err != nil {
		return process{}, err
	}
	line, err := os.ReadFile(dir + "/cmdline")
	if err != nil {
		return process{}, err
	}
	fields, err := stat(pid)
	if err != nil {
		return process{}, err
	}
	return process{pid: pid, mounts: mounts, born: fields[19], line: string(line)}, nil
}

// stat is /proc/PID/stat from the state on: proc_pid_stat(5) counts that as the third.
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return nil, err
	}
	fields := statFields(text)
	if fields == nil {
		return nil, fmt.Errorf("the process %d has the state %q", pid, text)
	}
	return fields, nil
}

// statFields are the fields behind the name of the program, which may have any character; nil if they are too few.
func statFields(text []byte) []string {
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return nil
	}
	return fields
}

// gone says whether it is no more; a zombie, which has ended, is there until its parent asks.
func (p process) gone() bool {
	fields, err := stat(p.pid)
	return err != nil || fields[19] != p.born
}

// stopped says whether it is, or is no more.
func (p process) stopped() bool {
	fields, err := stat(p.pid)
	return err != nil || fields[19] != p.born || strings.ContainsAny(fields[0], "TtZX")
}

// signal is for this process alone: one that has ended is left out.
func (p process) signal(s unix.Signal) error {
	now, err := look(p.pid)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || err == nil && now.born != p.born {
		return nil
	}
	if err := unix.Kill(p.pid, s); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("sending %s to the process %d: %w", unix.SignalName(s), p.pid, err)
	}
	return nil
}

// has tells whether one of the sockets is its own.
func (p process) has(sockets map[string]bool) bool {
	dir := filepath.Join("/proc", strconv.Itoa(p.pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		to, err := os.Readlink(filepath.Join(dir, e.Name()))
		return err == nil && sockets[to]
	})
}

// listening are the sockets that listen on a port, as descriptors name them.
func listening(port int) (map[string]bool, error) {
	out := map[string]bool{}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		for _, inode := range listeners(string(text), port) {
			out["socket:["+inode+"]"] = true
		}
	}
	return out, nil
}

// listeners are the inodes of the sockets of a table that listen on a port; see proc_pid_net(5).
func listeners(table string, port int) (inodes []string) {
	suffix := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(table) {
		// sl, local address, remote address, state (0A is LISTEN), ..., inode
		if f := strings.Fields(line); len(f) > 9 && strings.HasSuffix(f[1], suffix) && f[3] == "0A" {
			inodes = append(inodes, f[9])
		}
	}
	return inodes
}
