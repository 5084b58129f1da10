package docker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// The labels that everything carries.
const (
	labelRun = "lapse.run"
	// labelOwner is the process that made it, see owner.
	labelOwner = "lapse.owner"
	// labelNode is the node of a container.
	labelNode = "lapse.node"
	// labelDir is the directory of the nodes' directories, on a network.
	labelDir = "lapse.dir"
	// labelTable is the nftables table in this machine's namespace, on a network.
	labelTable = "lapse.table"
)

// owner names a process so that no other one, on this machine, is ever taken for
// it: by its id, when it started, in which PID namespace, and since which boot.
type owner struct {
	boot, space, started string
	pid                  int
}

func (o owner) String() string {
	return strings.Join([]string{o.boot, o.space, strconv.Itoa(o.pid), o.started}, "/")
}

func parseOwner(text string) (owner, error) {
	part := strings.Split(text, "/")
	if len(part) != 4 {
		return owner{}, fmt.Errorf("owner %q: want boot/space/pid/start", text)
	}
	pid, err := strconv.Atoi(part[2])
	if err != nil || pid < 1 {
		return owner{}, fmt.Errorf("owner %q: want a process id", text)
	}
	return owner{boot: part[0], space: part[1], started: part[3], pid: pid}, nil
}

// self is this process.
func self() (owner, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return owner{}, fmt.Errorf("naming this process: %w", err)
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return owner{}, fmt.Errorf("naming this process: %w", err)
	}
	started, err := startOf(os.Getpid())
	if err != nil {
		return owner{}, fmt.Errorf("naming this process: %w", err)
	}
	return owner{boot: strings.TrimSpace(string(boot)), space: space, pid: os.Getpid(), started: started}, nil
}

// startOf is when a process started, in ticks since the boot: field 22 of
// proc_pid_stat(5). A process that has ended and is only not yet reaped is none.
func startOf(pid int) (string, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 20 {
		return "", fmt.Errorf("/proc/%d/stat: %q", pid, b)
	}
	if f[0][0] == 'Z' || f[0][0] == 'X' {
		return "", os.ErrNotExist
	}
	return string(f[19]), nil
}

// dead says whether it is certain that o is no more, as seen by me: of a process in
// another PID namespace nothing is known as long as the machine runs.
func (o owner) dead(me owner) bool {
	if o.boot != me.boot {
		return true
	}
	if o.space != me.space {
		return false
	}
	// A /proc that hides others' processes (hidepid) is no proof that there is none.
	if err := syscall.Kill(o.pid, 0); errors.Is(err, syscall.ESRCH) {
		return true
	}
	started, err := startOf(o.pid)
	if err != nil {
		return errors.Is(err, os.ErrNotExist) && os.Geteuid() == 0
	}
	return started != o.started
}
