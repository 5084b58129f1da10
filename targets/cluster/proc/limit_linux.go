package proc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

var _ cluster.Limiter = (*Limiter)(nil)

// Limiter implements cluster.Limiter for the node that embeds it, on all processes of its
// Set. Only soft limits are moved, so that nobody needs a right to undo it.
type Limiter struct {
	name, logs string
	among      func(do func(all Set, main int) error) error

	mu     sync.Mutex
	before map[cluster.Resource]*usual
}

// NewLimiter is that of the node of this name, whose programs write their logs below the
// directory logs. Among calls do with the processes that are the node's while do runs, and the
// id of the main one, 0 if it does not run.
func NewLimiter(name, logs string, among func(do func(all Set, main int) error) error) *Limiter {
	return &Limiter{name: name, logs: logs, among: among}
}

// usual is what processes might have before they were limited.
type usual struct {
	of map[identity]uint64
	// by has, for each limit that was put on a process, what that one might have before. A
	// process that was started since has one of them by inheritance.
	by map[uint64]uint64
	// lifted: what is limited from here on begins anew.
	lifted bool
	logs   logMark
}

// might is what p might have if it had not been limited; ok is false for one that was not.
func (u *usual) might(p *limitedProcess) (may uint64, ok bool) {
	if may, ok = u.of[p.identity]; !ok {
		may, ok = u.by[p.May]
	}
	return may, ok
}

// Limit implements cluster.Limiter.
func (l *Limiter) Limit(ctx context.Context, r cluster.Resource) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.on(func(set Set, main int) error {
		all, err := look(set, main, r)
		if err != nil {
			return err
		}
		if len(all) == 0 || all[0].Pid != main {
			return errors.New("no process is running")
		}
		was := l.before[r]
		if was == nil || was.lifted {
			was = &usual{of: map[identity]uint64{}, by: map[uint64]uint64{}, logs: markLogs(l.logs)}
			if l.before == nil {
				l.before = map[cluster.Resource]*usual{}
			}
			l.before[r] = was
		}
		seen := map[identity]bool{}
		return untilAll(ctx, set, main, r, func(p *limitedProcess) (bool, error) {
			if seen[p.identity] {
				return false, nil
			}
			seen[p.identity] = true
			return was.limit(set, p, r)
		})
	})
}

// limit has p get nothing more, and tells whether that changed what it may have.
func (u *usual) limit(set Set, p *limitedProcess, r cluster.Resource) (bool, error) {
	tight, err := enough(p.Pid, r)
	if err != nil || tight >= p.May {
		return false, err
	}
	may, limited := u.might(p)
	if !limited {
		may = p.May
	}
	u.of[p.identity] = may
	u.by[tight] = max(u.by[tight], may)
	return true, p.allow(set, r, tight)
}

// Unlimit implements cluster.Limiter.
func (l *Limiter) Unlimit(ctx context.Context, r cluster.Resource) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.before[r]
	if was == nil {
		return nil
	}
	was.lifted = true
	return l.on(func(set Set, main int) error {
		return untilAll(ctx, set, main, r, func(p *limitedProcess) (bool, error) {
			may, limited := was.might(p)
			if may = min(may, p.hard); !limited || p.May >= may {
				return false, nil
			}
			return true, p.allow(set, r, may)
		})
	})
}

// Allowances implements cluster.Limiter.
func (l *Limiter) Allowances(r cluster.Resource) (out []cluster.Allowance, err error) {
	err = l.on(func(set Set, main int) error {
		all, err := look(set, main, r)
		for _, p := range all {
			out = append(out, p.Allowance)
		}
		return err
	})
	return out, err
}

func (l *Limiter) on(do func(set Set, main int) error) error {
	if err := l.among(do); err != nil {
		return fmt.Errorf("limits of %s: %w", l.name, err)
	}
	return nil
}

// untilAll does change to each process, and again until two looks in a row found none that it
// changed: one that is being forked has its parent's old limit, and a look can miss it.
func untilAll(ctx context.Context, set Set, main int, r cluster.Resource, change func(*limitedProcess) (bool, error)) error {
	for calm := 0; calm < 2; calm++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		all, err := look(set, main, r)
		if err != nil {
			return err
		}
		for i := range all {
			changed, err := change(&all[i])
			if err := ifAlive(all[i].Pid, err); err != nil {
				return err
			}
			if changed {
				calm = -1
			}
		}
	}
	return nil
}

// identity is a process for good: an id alone is given to another one when it has ended.
type identity struct {
	pid     int
	started uint64
}

// limitedProcess is a process with what it has and may have.
type limitedProcess struct {
	cluster.Allowance
	identity
	// hard is the limit that its soft limit may not pass.
	hard uint64
}

func look(set Set, main int, r cluster.Resource) ([]limitedProcess, error) {
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
	var out []limitedProcess
	for _, pid := range pids {
		a, err := allowance(pid, r)
		if err := ifAlive(pid, err); err != nil {
			return nil, err
		}
		if err == nil {
			out = append(out, a)
		}
	}
	return out, nil
}

// ifAlive is nil for an error that comes from the process having ended: it is gone, or was
// not waited for yet, when what it had cannot be read any more.
func ifAlive(pid int, err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, os.ErrPermission) && ended(pid) {
		return nil
	}
	return err
}

// ended tells whether a process is gone, or was not waited for yet.
func ended(pid int) bool {
	st, err := ReadStat(pid)
	return err != nil || dead(st.State)
}

func allowance(pid int, r cluster.Resource) (p limitedProcess, err error) {
	st, err := ReadStat(pid)
	if err != nil {
		return p, err
	}
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, number(r), nil, &limit); err != nil {
		return p, fmt.Errorf("reading the limit on %s of process %d: %w", r, pid, err)
	}
	p = limitedProcess{identity: identity{pid, st.Started}, hard: limit.Max, Allowance: cluster.Allowance{Pid: pid, May: limit.Cur}}
	if r == cluster.Memory {
		p.Has, err = mapped(pid)
		p.Full = p.Has+uint64(os.Getpagesize()) > p.May
		return p, err
	}
	open, err := descriptors(pid)
	p.Has = uint64(len(open))
	p.Full = lowestFree(open) >= p.May
	return p, err
}

// allow moves the soft limit of p, as far as the hard one lets it. The kernel takes a number
// for it, and so p is held, and looked at once more, while it is given.
func (p *limitedProcess) allow(set Set, r cluster.Resource, may uint64) error {
	fd, err := unix.PidfdOpen(p.Pid, 0)
	if err != nil {
		return fmt.Errorf("opening process %d: %w", p.Pid, err)
	}
	defer func() { _ = unix.Close(fd) }()
	st, err := ReadStat(p.Pid)
	if err != nil {
		return err
	}
	if st.Started != p.started || !set.Has(p.Pid) {
		return syscall.ESRCH // another process has its number
	}
	// A zombie keeps its number, so that only one who has been waited for meanwhile could lose it.
	if err := unix.PidfdSendSignal(fd, 0, nil, 0); err != nil {
		return err
	}
	limit := unix.Rlimit{Cur: min(may, p.hard), Max: p.hard}
	if err := unix.Prlimit(p.Pid, number(r), &limit, nil); err != nil {
		return fmt.Errorf("limiting %s of process %d: %w", r, p.Pid, err)
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

// Refused implements cluster.Limiter.
func (l *Limiter) Refused(r cluster.Resource) (out cluster.Refusals, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.before[r]
	if was == nil {
		return out, nil
	}
	if out.Lines, out.Unread, err = was.logs.since(l.logs, refusalWords[r]); err != nil {
		return out, fmt.Errorf("limits of %s: %w", l.name, err)
	}
	if r != cluster.OpenFiles {
		return out, nil
	}
	err = l.on(func(set Set, main int) error {
		all, err := look(set, main, r)
		if err != nil {
			return err
		}
		waiting := map[string]int{}
		for _, p := range all {
			if !p.Full {
				continue
			}
			queues, err := acceptQueues(p.Pid)
			if err := ifAlive(p.Pid, err); err != nil {
				return err
			}
			maps.Copy(waiting, queues) // processes may share a socket
		}
		for _, n := range waiting {
			out.Waiting += n
		}
		return nil
	})
	return out, err
}
