package owner

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Self is this process.
func Self() (Owner, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Owner{}, fmt.Errorf("naming this process: %w", err)
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return Owner{}, fmt.Errorf("naming this process: %w", err)
	}
	started, err := startOf(os.Getpid())
	if err != nil {
		return Owner{}, fmt.Errorf("naming this process: %w", err)
	}
	return Owner{boot: strings.TrimSpace(string(boot)), space: space, pid: os.Getpid(), started: started}, nil
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

// Dead says whether it is certain that o is no more, as seen by me: of a process in
// another PID namespace nothing is known as long as the machine runs.
func (o Owner) Dead(me Owner) bool {
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
