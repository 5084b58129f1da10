package proc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// children are those of this process with the given id.
type children []int

func (c children) All() ([]int, error) { return c, nil }

func (c children) Has(pid int) bool { return slices.Contains(c, pid) }

// limiterOf is that of these children, the first of which is the main one.
func limiterOf(logs string, c ...int) *Limiter {
	return NewLimiter("n1", logs, func(do func(Set, int) error) error { return do(children(c), c[0]) })
}

// shell answers each line with what it did of it.
func shell(t *testing.T) (pid int, ask func(line string) string) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `while read -r line; do if (eval "$line") 2>/dev/null; then echo yes; else echo no; fi; done`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewReader(out)
	return cmd.Process.Pid, func(line string) string {
		if _, err := io.WriteString(in, line+"\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(answer)
	}
}

// TestLimit: what a process asks for beyond what it has is refused while it is limited,
// also to those that it starts, and given again afterwards.
func TestLimit(t *testing.T) {
	for _, tt := range []struct {
		resource cluster.Resource
		asks     string
	}{
		{cluster.OpenFiles, "exec 3</dev/null"},
		{cluster.Memory, "x=$(head -c 9000000 /dev/zero | tr '\\000' x)"},
	} {
		t.Run(string(tt.resource), func(t *testing.T) {
			pid, ask := shell(t)
			if got := ask(tt.asks); got != "yes" {
				t.Fatalf("before: %s", got)
			}
			limits := limiterOf(t.TempDir(), pid)
			look := func() cluster.Allowance {
				t.Helper()
				all, err := limits.Allowances(tt.resource)
				if err != nil || len(all) != 1 || all[0].Pid != pid {
					t.Fatalf("%v %v", all, err)
				}
				return all[0]
			}
			before := look()
			for range 2 { // the second time changes nothing of what it was
				if err := limits.Limit(t.Context(), tt.resource); err != nil {
					t.Fatal(err)
				}
			}
			if now := look(); !now.Full || now.May >= before.May {
				t.Errorf("limited: %+v, before %+v", now, before)
			}
			if got := ask(tt.asks); got != "no" {
				t.Errorf("limited: %s", got)
			}
			for range 2 {
				if err := limits.Unlimit(t.Context(), tt.resource); err != nil {
					t.Fatal(err)
				}
			}
			if now := look(); now.Full || now.May != before.May {
				t.Errorf("afterwards: %+v, before %+v", now, before)
			}
			if got := ask(tt.asks); got != "yes" {
				t.Errorf("afterwards: %s", got)
			}
		})
	}
}

func TestLimitOfNobody(t *testing.T) {
	for name, limits := range map[string]*Limiter{
		"no process":       NewLimiter("n1", t.TempDir(), func(do func(Set, int) error) error { return do(Sets{}, 0) }),
		"one that is gone": limiterOf(t.TempDir(), 1<<30),
	} {
		if err := limits.Limit(t.Context(), cluster.OpenFiles); err == nil {
			t.Errorf("%s: it was limited", name)
		}
		if all, err := limits.Allowances(cluster.Memory); err != nil || len(all) > 0 {
			t.Errorf("%s: %v %v", name, all, err)
		}
		if got, err := limits.Refused(cluster.OpenFiles); err != nil || got != (cluster.Refusals{}) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// late is a set that shows its last process only from the given look on, as one that is being
// forked while the others are limited.
type late struct {
	children
	shown *int
	from  int
}

func (l late) All() ([]int, error) {
	*l.shown++
	if *l.shown < l.from {
		return l.children[:len(l.children)-1], nil
	}
	return l.children, nil
}

// TestLimitOfForked: a process that was missed because it was just being forked is limited all
// the same, and may afterwards have what it might; one that inherited a limit as well.
func TestLimitOfForked(t *testing.T) {
	for _, inherits := range []bool{false, true} {
		t.Run(fmt.Sprintf("inherits=%v", inherits), func(t *testing.T) {
			main, _ := shell(t)
			child, _ := shell(t)
			shown := 0
			set := late{children: children{main, child}, shown: &shown, from: 3}
			limits := NewLimiter("n1", t.TempDir(), func(do func(Set, int) error) error { return do(set, main) })
			may := func() (of [2]uint64) {
				t.Helper()
				for i, pid := range set.children {
					p, err := allowance(pid, cluster.OpenFiles)
					if err != nil {
						t.Fatal(err)
					}
					of[i] = p.May
				}
				return of
			}
			before := may()
			if inherits {
				set.from = 1 << 30
			}
			if err := limits.Limit(t.Context(), cluster.OpenFiles); err != nil {
				t.Fatal(err)
			}
			if inherits { // as from the main one, with fewer files than that has, so that a second time limits it more
				set.from = 0
				limit := unix.Rlimit{Cur: may()[0] + 1, Max: before[1]}
				limits.before[cluster.OpenFiles].by[limit.Cur] = before[0]
				if err := unix.Prlimit(child, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
					t.Fatal(err)
				}
				if err := limits.Limit(t.Context(), cluster.OpenFiles); err != nil {
					t.Fatal(err)
				}
			}
			if now := may(); now[0] >= before[0] || now[1] >= before[1] {
				t.Errorf("limited: %v, before %v", now, before)
			}
			shown, set.from = 0, 3
			if err := limits.Unlimit(t.Context(), cluster.OpenFiles); err != nil {
				t.Fatal(err)
			}
			if now := may(); now != before {
				t.Errorf("afterwards: %v, before %v", now, before)
			}
		})
	}
}

// TestLimitOfAnother: a process that has the number of one that ended is left alone.
func TestLimitOfAnother(t *testing.T) {
	pid, _ := shell(t)
	p, err := allowance(pid, cluster.OpenFiles)
	if err != nil {
		t.Fatal(err)
	}
	earlier := p
	earlier.started--
	for name, err := range map[string]error{
		"started at another time": earlier.allow(children{pid}, cluster.OpenFiles, 1),
		"of another node":         p.allow(children{}, cluster.OpenFiles, 1),
	} {
		if !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now, err := allowance(pid, cluster.OpenFiles); err != nil || now.May != p.May {
		t.Errorf("%+v %v, before %+v", now, err, p)
	}
}

// TestZombie: who has ended and was not waited for is nobody, whatever reading of it says.
func TestZombie(t *testing.T) {
	cmd := exec.Command("/bin/true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	pid := cmd.Process.Pid
	if err := cluster.Await(t.Context(), "its end", func(context.Context) error {
		st, err := ReadStat(pid)
		if err == nil && st.State != 'Z' {
			err = fmt.Errorf("it is %+v", st)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := ifAlive(pid, os.ErrPermission); err != nil {
		t.Error(err)
	}
	if err := ifAlive(os.Getpid(), os.ErrPermission); err == nil {
		t.Error("what may not be read of a process that runs is no error")
	}
}

// TestRefused: what runs into a limit is seen, what does not is not.
func TestRefused(t *testing.T) {
	logs := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := appendTo(filepath.Join(logs, name), text); err != nil {
			t.Fatal(err)
		}
	}
	pid, _ := shell(t)
	limits := limiterOf(logs, pid)
	write("a.log", "accept: Too many open files\n")
	if err := limits.Limit(t.Context(), cluster.OpenFiles); err != nil {
		t.Fatal(err)
	}
	refused := func(want int) {
		t.Helper()
		got, err := limits.Refused(cluster.OpenFiles)
		if err != nil || got != (cluster.Refusals{Lines: want}) {
			t.Errorf("%+v %v, want %d lines", got, err, want)
		}
	}
	refused(0) // the line is older
	write("a.log", "accept: TOO many open files\nout of memory\n")
	write("b.log", "open(x): too many open files")
	refused(2)
	if err := limits.Unlimit(t.Context(), cluster.OpenFiles); err != nil {
		t.Fatal(err)
	}
	if err := limits.Limit(t.Context(), cluster.OpenFiles); err != nil {
		t.Fatal(err)
	}
	refused(0) // of this limit there is none yet
}

// TestRefusedInMovedLogs: a log that is put away or begun anew meanwhile is not read from its
// beginning again, and one of another file by its name is.
func TestRefusedInMovedLogs(t *testing.T) {
	const line = "accept: Too many open files\n"
	for name, tt := range map[string]struct {
		meanwhile func(log string) error
		want      int
	}{
		"nothing":  {func(string) error { return nil }, 0},
		"put away": {func(log string) error { return os.Rename(log, log+".1") }, 0},
		"put away with a line more": {func(log string) error {
			return errors.Join(os.Rename(log, log+".1"), appendTo(log+".1", line), appendTo(log, line))
		}, 2},
		"another one in its place": {func(log string) error {
			return errors.Join(appendTo(log+".new", line+line+line+line), os.Rename(log+".new", log))
		}, 4},
		"begun anew": {func(log string) error { return errors.Join(os.Truncate(log, 0), appendTo(log, line)) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			log := filepath.Join(dir, "a.log")
			if err := appendTo(log, line+line); err != nil {
				t.Fatal(err)
			}
			mark := markLogs(dir)
			if err := tt.meanwhile(log); err != nil {
				t.Fatal(err)
			}
			if got, unread, err := mark.since(dir, refusalWords[cluster.OpenFiles]); err != nil || got != tt.want || unread {
				t.Errorf("%d lines, unread %v, %v; want %d", got, unread, err, tt.want)
			}
		})
	}
}

// TestRefusedInLongLogs: a log that has grown by as much as is read of it was read to its end, one
// that has grown by a byte more was not.
func TestRefusedInLongLogs(t *testing.T) {
	const line = "too many open files\n"
	for _, more := range []bool{false, true} {
		dir := t.TempDir()
		log := filepath.Join(dir, "a.log")
		if err := appendTo(log, "before\n"+line); err != nil {
			t.Fatal(err)
		}
		mark := markLogs(dir)
		size := int64(len("before\n"+line)) + mostOfALog
		if more {
			size++
		}
		if err := errors.Join(appendTo(log, line), os.Truncate(log, size)); err != nil { // what follows is a hole
			t.Fatal(err)
		}
		got, unread, err := mark.since(dir, refusalWords[cluster.OpenFiles])
		if err != nil || got != 1 || unread != more {
			t.Errorf("%d lines, unread %v, %v; want 1, %v", got, unread, err, more)
		}
	}
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// TestLimitOfSets: what is in one of several sets is limited, and nobody else.
func TestLimitOfSets(t *testing.T) {
	main, _ := shell(t)
	beside, _ := shell(t)
	another, _ := shell(t)
	limits := NewLimiter("n1", t.TempDir(), func(do func(Set, int) error) error {
		return do(Sets{children{beside}, children{main}}, main)
	})
	before, err := allowance(another, cluster.OpenFiles)
	if err != nil {
		t.Fatal(err)
	}
	if err := limits.Limit(t.Context(), cluster.OpenFiles); err != nil {
		t.Fatal(err)
	}
	all, err := limits.Allowances(cluster.OpenFiles)
	if err != nil || len(all) != 2 || all[0].Pid != main || all[1].Pid != beside || !all[0].Full || !all[1].Full {
		t.Errorf("%+v %v", all, err)
	}
	if now, err := allowance(another, cluster.OpenFiles); err != nil || now.May != before.May {
		t.Errorf("another one: %+v %v", now, err)
	}
	if err := limits.Unlimit(t.Context(), cluster.OpenFiles); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{main, beside} {
		if now, err := allowance(pid, cluster.OpenFiles); err != nil || now.May != before.May {
			t.Errorf("afterwards: %+v %v", now, err)
		}
	}
}

// TestAcceptQueues: connections that nobody accepts are counted at the process that listens.
func TestAcceptQueues(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 8)); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", at.(*unix.SockaddrInet4).Port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	queues, err := acceptQueues(os.Getpid())
	if n := slices.Max(append(slices.Collect(maps.Values(queues)), 0)); err != nil || n != 3 {
		t.Errorf("%v %v, want 3", queues, err)
	}
	pid, _ := shell(t)
	if queues, err := acceptQueues(pid); err != nil || len(queues) > 0 {
		t.Errorf("of a process that does not listen: %v %v", queues, err)
	}
}

func TestLowestFree(t *testing.T) {
	for _, tt := range []struct {
		open []uint64
		want uint64
	}{{nil, 0}, {[]uint64{0, 1, 2}, 3}, {[]uint64{0, 2, 3}, 1}} {
		open := map[uint64]bool{}
		for _, n := range tt.open {
			open[n] = true
		}
		if got := lowestFree(open); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.open, got, tt.want)
		}
	}
	open, err := descriptors(os.Getpid())
	if err != nil || !open[0] || !open[2] {
		t.Error(fmt.Sprint(open, err))
	}
}

// TestRefusalWords: lines of logs by which programs of several languages say that they got no more, and those that only speak of it.
func TestRefusalWords(t *testing.T) {
	for line, want := range map[string]cluster.Resource{
		"accept: too many open files":                        cluster.OpenFiles,
		"could not fork: Cannot allocate memory":             cluster.Memory,
		"MemoryError: ":                                      cluster.Memory, // Python
		"RuntimeError: can't start new thread":               cluster.Memory,
		"java.lang.OutOfMemoryError: unable to create":       cluster.Memory,
		"terminate called ... std::bad_alloc":                cluster.Memory,
		"fatal error: runtime: out of memory":                cluster.Memory,
		"memory usage: 12 MiB":                               "",
		"starting a new thread":                              "",
		"selecting dynamic shared memory implementation":     "",
		"the limit of open files is 1024":                    "",
		"MemoryContext: 3 blocks; allocated 12 of 40 chunks": "",
	} {
		for of, words := range refusalWords {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "log"), []byte(line+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			n, _, err := logMark{}.since(dir, words)
			if err != nil || (n == 1) != (of == want) {
				t.Errorf("%q speaks %d times of %s (%v), want that of %q", line, n, of, err, want)
			}
		}
	}
}
