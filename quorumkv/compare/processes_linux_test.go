package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/internal/ports"
)

const nodes = 3

// launcher starts processes that end when this one does, however it ends: they are told when the thread dies that started them, so one
// thread starts all.
type launcher struct {
	dir   string
	start chan func()
	ports []*ports.Reservation // that its processes have listened on
}

func newLauncher(b *testing.B) *launcher {
	b.Helper()
	l := &launcher{dir: b.TempDir(), start: make(chan func())}
	release, err := guard(filepath.Dir(l.dir))
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		runtime.LockOSThread() // and never unlocks it: the thread ends with the goroutine
		for f := range l.start {
			f()
		}
	}()
	b.Cleanup(func() {
		close(l.start)
		if err := release(); err != nil {
			b.Error(err)
		}
		for _, r := range l.ports {
			r.Release()
		}
	})
	return l
}

// cluster is the running processes of a system.
type cluster struct {
	addrs []string // of clients
	dir   string
	all   []*process
}

type process struct {
	cmd   *exec.Cmd
	log   bytes.Buffer
	ended chan struct{}
}

// launch starts a process for each command line.
func (l *launcher) launch(addrs []string, dir string, commands [][]string) (*cluster, error) {
	c := &cluster{addrs: addrs, dir: dir}
	for _, args := range commands {
		p := &process{cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{})}
		p.cmd.Stderr = &p.log
		// Of a group of its own: an interrupt is for the one who measures, who then stops it.
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
		started := make(chan error)
		l.start <- func() { started <- p.cmd.Start() }
		if err := <-started; err != nil {
			c.stop()
			return nil, fmt.Errorf("start %s: %w", args[0], err)
		}
		go func() { _ = p.cmd.Wait(); close(p.ended) }() // why it ended is in its log
		c.all = append(c.all, p)
	}
	return c, nil
}

// stop ends all processes and removes their data.
func (c *cluster) stop() {
	for _, p := range c.all {
		_ = p.cmd.Process.Kill() // it may have ended
	}
	for _, p := range c.all {
		<-p.ended
	}
	_ = os.RemoveAll(c.dir) // it is below a directory that is removed at the end
}

// await waits until ready has no error.
func (c *cluster) await(ctx context.Context, ready func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		for _, p := range c.all {
			select {
			case <-p.ended:
				return fmt.Errorf("a process ended: %s", p.log.String())
			default:
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", errors.Join(err, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// processorTime is what all processes have used.
func (c *cluster) processorTime() (sum time.Duration, err error) {
	for _, p := range c.all {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			return 0, fmt.Errorf("processor time: %w: %s", err, p.log.String())
		}
		// The name, in parentheses, may have blanks; user and system time are the 12th and 13th field after it.
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		for _, f := range fields[11:13] {
			ticks, err := strconv.Atoi(f)
			if err != nil {
				return 0, fmt.Errorf("processor time: %w", err)
			}
			sum += time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100 on all that Go runs on
		}
	}
	return sum, nil
}

// peaks are the most memory that each process had, in bytes.
func (c *cluster) peaks() (out []int, err error) {
	for _, p := range c.all {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		if err != nil {
			return nil, fmt.Errorf("memory: %w: %s", err, p.log.String())
		}
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				kb, err := strconv.Atoi(strings.Fields(rest)[0])
				if err != nil {
					return nil, fmt.Errorf("memory: %w", err)
				}
				out = append(out, kb<<10)
			}
		}
	}
	return out, nil
}

// describe says on what is measured: the file system of dir and what a sync of it takes, the processors and the load.
func describe(b *testing.B, dir string) string {
	b.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		b.Fatal(err)
	}
	kind := map[int64]string{0xef53: "ext4", 0x01021994: "tmpfs, where a sync costs nothing", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x794c7630: "overlayfs"}[fs.Type]
	if kind == "" {
		kind = fmt.Sprintf("a file system of kind %#x", fs.Type)
	}
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var took []time.Duration
	for range 100 {
		began := time.Now()
		if _, err := f.WriteString(strings.Repeat("x", valueSize)); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return fmt.Sprintf("%d processors, load average %s before; data on %s, of which 128 bytes are appended and synced in %s (median)",
		runtime.NumCPU(), loadAverage(), kind, took[len(took)/2].Round(time.Microsecond))
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(b))[0]
}
