package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// period is that for which a share is given: who has used it up waits for the next one.
const period = 100 * time.Millisecond

// leastShare is what the kernel takes at least in such a period: a millisecond. It is not more than
// whoever made the parent left for it.
const leastShare = 0.01

// Group is a control group of one's own. It is not safe for concurrent use.
type Group struct {
	of  Hierarchy
	dir string
}

// Dir is its directory.
func (g *Group) Dir() string { return g.dir }

func (g *Group) write(name, text string) error {
	// Not os.WriteFile, which would make a file that is not there.
	f, err := os.OpenFile(filepath.Join(g.dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// Bound gives its processes together so much of one processor.
func (g *Group) Bound(share float64) error {
	quota := int64(math.Round(share * float64(period.Microseconds())))
	if g.of.unified {
		return g.write("cpu.max", fmt.Sprintf("%d %d", quota, period.Microseconds()))
	}
	return errors.Join(g.write("cpu.cfs_period_us", strconv.FormatInt(period.Microseconds(), 10)), g.write("cpu.cfs_quota_us", strconv.FormatInt(quota, 10)))
}

// Share is what the kernel says they have of one, 0 if as much as they like.
func (g *Group) Share() (float64, error) {
	if !g.of.unified {
		quota, err := g.number("cpu.cfs_quota_us")
		if err != nil || quota < 0 {
			return 0, err
		}
		of, err := g.number("cpu.cfs_period_us")
		return float64(quota) / float64(max(of, 1)), err
	}
	b, err := os.ReadFile(filepath.Join(g.dir, "cpu.max"))
	if err != nil {
		return 0, err
	}
	quota, of, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	if quota == "max" {
		return 0, nil
	}
	q, err := strconv.ParseInt(quota, 10, 64)
	p, err2 := strconv.ParseInt(of, 10, 64)
	return float64(q) / float64(max(p, 1)), errors.Join(err, err2)
}

func (g *Group) number(name string) (int64, error) {
	b, err := os.ReadFile(filepath.Join(g.dir, name))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}

// Take moves a process into it. One that has ended is no error.
func (g *Group) Take(pid int) error { return gone(g.write("cgroup.procs", strconv.Itoa(pid))) }

func gone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// Members are the processes in it, as this process's PID namespace has them.
func (g *Group) Members() ([]int, error) {
	b, err := os.ReadFile(filepath.Join(g.dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	var out []int
	for _, field := range strings.Fields(string(b)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.dir, err)
		}
		out = append(out, pid)
	}
	return out, nil
}

// Stat is how many periods there were in which somebody wanted to run, in how many of them the
// share was used up, and how long processes waited then.
func (g *Group) Stat() (periods, throttled int64, waited time.Duration, err error) {
	b, err := os.ReadFile(filepath.Join(g.dir, "cpu.stat"))
	if err != nil {
		return 0, 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		key, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			continue
		}
		switch key {
		case "nr_periods":
			periods = n
		case "nr_throttled":
			throttled = n
		case "throttled_time":
			waited = time.Duration(n)
		case "throttled_usec":
			waited = time.Duration(n) * time.Microsecond
		}
	}
	return periods, throttled, waited, nil
}

// Remove moves its processes to where this process is, and removes it. No group is no error.
func (g *Group) Remove(ctx context.Context) error {
	home := Group{of: g.of, dir: g.of.home}
	// Who is forked meanwhile is in the group that its parent was in. One whose first thread has ended
	// is listed, and cannot be moved, until its others have ended too.
	err := cluster.Poll(ctx, func(context.Context) error {
		members, err := g.Members()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, pid := range members {
			if err := home.Take(pid); err != nil {
				return fmt.Errorf("moving process %d out of %s: %w", pid, g.dir, err)
			}
		}
		if len(members) > 0 {
			if members, err = g.Members(); len(members) > 0 {
				return fmt.Errorf("processes %d do not leave %s", members, g.dir)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return g.RemoveEmpty()
}

// RemoveEmpty removes a group that no process was moved to. No group is no error.
func (g *Group) RemoveEmpty() error {
	if err := os.Remove(g.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a control group: %w", err)
	}
	return nil
}
