package proc

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Limits are those that were put on the running processes of one node, with what they might
// have before. Only soft limits are moved, so that nobody needs a right to undo it. The zero
// value has none; it is safe for concurrent use.
type Limits struct {
	mu     sync.Mutex
	before map[cluster.Resource]*usual
}

// usual is what processes might have before they were limited; main is for those that were
// started since, which inherited the limit.
type usual struct {
	of   map[int]uint64
	main uint64
}

// Limit is cluster.Limiter.Limit for a set whose main process is main.
func (l *Limits) Limit(set Set, main int, r cluster.Resource) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, err := look(set, main, r)
	if err != nil {
		return err
	}
	if len(all) == 0 || all[0].Pid != main {
		return errors.New("no process is running")
	}
	if l.before == nil {
		l.before = map[cluster.Resource]*usual{}
	}
	if l.before[r] == nil {
		l.before[r] = &usual{of: map[int]uint64{}, main: all[0].May}
	}
	was := l.before[r]
	for _, p := range all {
		tight, err := enough(p.Pid, r)
		if err == nil && tight < p.May {
			if _, known := was.of[p.Pid]; !known {
				was.of[p.Pid] = p.May
			}
			err = allow(p.Pid, r, tight)
		}
		if err := ifAlive(err); err != nil {
			return err
		}
	}
	return nil
}

// Unlimit is cluster.Limiter.Unlimit.
func (l *Limits) Unlimit(set Set, main int, r cluster.Resource) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.before[r]
	if was == nil {
		return nil
	}
	all, err := look(set, main, r)
	if err != nil {
		return err
	}
	for _, p := range all {
		may, known := was.of[p.Pid]
		if !known {
			may = was.main
		}
		if p.May < may {
			if err := ifAlive(allow(p.Pid, r, may)); err != nil {
				return err
			}
		}
	}
	delete(l.before, r)
	return nil
}

// Allowances is cluster.Limiter.Allowances.
func (l *Limits) Allowances(set Set, main int, r cluster.Resource) ([]cluster.Allowance, error) {
	return look(set, main, r)
}

func look(set Set, main int, r cluster.Resource) ([]cluster.Allowance, error) {
	pids, err := set.All()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(pids, func(a, b int) int {
		switch {
		case a == main:
			return -1
		case b == main:
			return 1
		}
		return a - b
	})
	var out []cluster.Allowance
	for _, pid := range pids {
		a, err := allowance(pid, r)
		if err := ifAlive(err); err != nil {
			return nil, err
		}
		if err == nil {
			out = append(out, a)
		}
	}
	return out, nil
}

// ifAlive is nil for an error that comes from the process having ended.
func ifAlive(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

func allowance(pid int, r cluster.Resource) (a cluster.Allowance, err error) {
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, number(r), nil, &limit); err != nil {
		return a, fmt.Errorf("reading the limit on %s of process %d: %w", r, pid, err)
	}
	a = cluster.Allowance{Pid: pid, May: limit.Cur}
	if r == cluster.Memory {
		a.Has, err = mapped(pid)
		a.Full = a.Has+uint64(os.Getpagesize()) > a.May
		return a, err
	}
	open, err := descriptors(pid)
	a.Has = uint64(len(open))
	a.Full = lowestFree(open) >= a.May
	return a, err
}

// allow moves the soft limit of a process, as far as the hard one lets it.
func allow(pid int, r cluster.Resource, may uint64) error {
	var limit unix.Rlimit
	err := unix.Prlimit(pid, number(r), nil, &limit)
	if err == nil {
		limit.Cur = min(may, limit.Max)
		err = unix.Prlimit(pid, number(r), &limit, nil)
	}
	if err != nil {
		return fmt.Errorf("limiting %s of process %d: %w", r, pid, err)
	}
	return nil
}

func number(r cluster.Resource) int {
	if r == cluster.Memory {
		return unix.RLIMIT_AS
	}
	return unix.RLIMIT_NOFILE
}

// enough is the limit with which a process can have nothing more. Descriptors get the lowest
// number that is free, and those of connections are among the highest: half of what there is
// keeps a connection that ends from making room for another one.
func enough(pid int, r cluster.Resource) (uint64, error) {
	if r == cluster.Memory {
		return mapped(pid)
	}
	open, err := descriptors(pid)
	return lowestFree(open) / 2, err
}

// mapped is the size of the address space in bytes; see proc_pid_statm(5).
func mapped(pid int) (uint64, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseUint(strings.SplitN(string(b), " ", 2)[0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/%d/statm: %w", pid, err)
	}
	return pages * uint64(os.Getpagesize()), nil
}

// descriptors are the numbers of a process's open files.
func descriptors(pid int) (map[uint64]bool, error) {
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return nil, err
	}
	open := map[uint64]bool{}
	for _, e := range entries {
		if n, err := strconv.ParseUint(e.Name(), 10, 64); err == nil {
			open[n] = true
		}
	}
	return open, nil
}

// lowestFree is the number that the next descriptor gets.
func lowestFree(open map[uint64]bool) uint64 {
	for n := uint64(0); ; n++ {
		if !open[n] {
			return n
		}
	}
}
