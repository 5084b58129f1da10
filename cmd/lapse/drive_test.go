package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/lapse-test/lapse/drivers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/verdict"
)

// watched is what a command prints.
type watched struct {
	mu    sync.Mutex
	b     bytes.Buffer
	more  sync.Cond
	ended bool
}

func newWatched() *watched {
	w := &watched{}
	w.more.L = &w.mu
	return w
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p)
	w.more.Broadcast()
	return len(p), nil
}

// end says that nothing more is printed.
func (w *watched) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.more.Broadcast()
}

// await waits until what matches was printed, and returns its first group; "" when it never will be.
func (w *watched) await(want string) string {
	re := regexp.MustCompile(want)
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if m := re.FindSubmatch(w.b.Bytes()); m != nil {
			return string(m[1])
		}
		if w.ended {
			return ""
		}
		w.more.Wait()
	}
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// driveCommand is lapse in a process of its own, with the token that a run and its drivers share.
func driveCommand(t *testing.T, out *watched, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("lapse")
	if err != nil {
		t.Skip("no lapse: the tests were not begun by TestMain")
	}
	c := exec.CommandContext(t.Context(), path, args...)
	c.Env = append(os.Environ(), drivers.TokenVariable+"=0123456789abcdef")
	c.Stdout, c.Stderr = out, out
	return c
}

// TestDrive has two drivers, processes of their own, drive a run whose sessions go from one to the
// other; then one of them is killed in the middle of another run.
func TestDrive(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		kill bool
		exit int
		says []string
		// moves and measures say that sessions go from driver to driver, and that the system's own figures are told.
		moves, measures bool
	}{
		{"travel", []string{"--session", "travel", "--duration", "2s", "--set", "mode=single-leader", "--read-level", "sticky", "--workload", "session", "--model", "read-your-writes"},
			false, verdict.ExitHeld, []string{"driver eu-1 joined", "driver us-1 joined", "sessions went on at another driver", "intervals are wider", "held"}, true, false},
		// Without these two settings it may be violated, which nobody promised.
		{"killed", []string{"--duration", "3s", "--set", "read_repair=blocking", "--set", "write_timestamps=quorum"}, true, verdict.ExitInconclusive, []string{"driver us-1 is lost: its connection ended", "driver us-1 was lost"}, false, false},
		{"sharded", []string{"--set", "mode=sharded", "--workload", "append", "--duration", "12s"}, false, verdict.ExitHeld, []string{"held"}, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			first := newWatched()
			run := driveCommand(t, first, append([]string{
				"run", "--drivers", "2", "--driver-listen", "127.0.0.1:0", "--rate", "300", "--seed", "3", "--out", dir,
			}, c.args...)...)
			if err := run.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				ended <- run.Wait()
				first.end()
			}()
			addr := first.await(`lapse drive (\S+:\d+)\n`)
			if addr == "" {
				t.Fatal(first)
			}
			eu, us := newWatched(), newWatched()
			a, b := driveCommand(t, eu, "drive", addr, "--name", "eu-1"), driveCommand(t, us, "drive", addr, "--name", "us-1")
			for _, d := range []*exec.Cmd{b, a} {
				if err := d.Start(); err != nil {
					t.Fatal(err)
				}
			}
			if c.kill {
				first.await(`joined, (2) of 2`)
				if err := b.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				_ = b.Wait() // it was killed
			} else if err := b.Wait(); err != nil || !strings.Contains(us.String(), "driver us-1: the run is over") {
				t.Errorf("us-1: %v: %s", err, us)
			}
			if err := a.Wait(); err != nil || !strings.Contains(eu.String(), "driver eu-1: the run is over") {
				t.Errorf("eu-1: %v: %s", err, eu)
			}
			<-ended
			text := first.String()
			if got := run.ProcessState.ExitCode(); got != c.exit {
				t.Errorf("exit %d, want %d", got, c.exit)
			}
			for _, want := range c.says {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q", want)
				}
			}
			if t.Failed() {
				t.Log(text)
			}
			h, err := history.ReadFile(filepath.Join(dir, "latest", "history.lapse"))
			if err != nil || len(h.Ops) == 0 {
				t.Fatalf("%d operations, %v", len(h.Ops), err)
			}
			wantDrivers(t, h, c.kill)
			if c.moves && !moved.MatchString(text) {
				t.Error("no session went on at another driver")
			}
			if got := figuresOf(h); got > 0 != c.measures {
				t.Errorf("%d figures of the system's own", got)
			}
		})
	}
}

// moved is what a run says of sessions that went on at another driver at least once.
var moved = regexp.MustCompile(`sessions went on at another driver [1-9][0-9,]* times?\n`)

// figuresOf is how many figures of the system's own the history has.
func figuresOf(h *history.History) (n int) {
	for i := range h.Events {
		if _, ok := h.Events[i].Measure(); ok {
			n++
		}
	}
	return n
}

// wantDrivers wants what the history tells of the drivers.
func wantDrivers(t *testing.T, h *history.History, lost bool) {
	t.Helper()
	told := map[string]int{}
	for i := range h.Events {
		if d, ok := h.Events[i].Driver(); ok {
			told[d.What]++
			if d.What == history.DriverClock && d.OffsetLeast > d.OffsetMost {
				t.Errorf("a clock is off by %d to %d ns", d.OffsetLeast, d.OffsetMost)
			}
		}
	}
	if told[history.DriverJoined] != 2 || told[history.DriverLost] > 0 != lost || told[history.DriverClock] == 0 {
		t.Errorf("the history tells of drivers: %v", told)
	}
}
