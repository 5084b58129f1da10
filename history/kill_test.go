package history

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// childEnv makes this test binary the process that is killed: it records to the
// file that the variable names.
const childEnv = "LAPSE_HISTORY_TEST_CHILD"

const childClients = 4

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		if err := recordUntilKilled(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// recordUntilKilled records at full speed. About every 10 ms it writes to stdout
// how many operations each client has completed, and for how long the machine
// kept it from doing so; and after each Sync, how many were completed before it.
func recordUntilKilled(path string) error {
	r, err := Create(path, Header{})
	if err != nil {
		return err
	}
	s := newStore()
	var done [childClients]atomic.Int64
	var out sync.Mutex
	failed := make(chan error, childClients+2)
	for id := range childClients {
		c := &storeClient{c: r.Client(), s: s, id: id, rng: rand.New(rand.NewPCG(3, uint64(id)))}
		go func() {
			for {
				if err := c.step(); err != nil {
					failed <- err
					return
				}
				done[id].Store(int64(c.done))
			}
		}()
	}
	counts := func() string {
		var b strings.Builder
		for i := range done {
			fmt.Fprintf(&b, " %d", done[i].Load())
		}
		return b.String()
	}
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	go func() {
		var stall time.Duration
		last := time.Now()
		for range time.Tick(10 * time.Millisecond) {
			stall = max(stall, time.Since(last))
			last = time.Now()
			say("done %d%s", stall.Nanoseconds(), counts())
		}
	}()
	go func() {
		for range time.Tick(300 * time.Millisecond) {
			before := counts()
			if err := r.Sync(); err != nil {
				failed <- err
				return
			}
			say("synced 0%s", before)
		}
	}()
	return <-failed
}

// report is a line of the child, and when it came.
type report struct {
	at    time.Time
	kind  string
	stall time.Duration
	done  [childClients]int64
}

// TestKill kills a recording process at random moments. Its file must load as a
// consistent cut that has everything that was acknowledged before a Sync that
// returned, and everything that was acknowledged more than a second before the
// kill: a second of a machine that lets the process run, so the longest time for
// which the machine held the child up is added.
func TestKill(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	exe, err := os.Executable()
	must(t, err)
	for _, c := range []struct {
		after string // what the child must have said first
		most  time.Duration
	}{
		{"done", 100 * time.Millisecond}, {"done", time.Second}, {"synced", 100 * time.Millisecond}, {"synced", 3 * time.Second},
	} {
		life := time.Duration(rng.Int64N(int64(c.most)))
		t.Run(fmt.Sprintf("%v after %s", life, c.after), func(t *testing.T) { killOnce(t, exe, c.after, life) })
	}
}

// killOnce kills the child life after it first wrote a report of the kind after.
func killOnce(t *testing.T, exe, after string, life time.Duration) {
	path := filepath.Join(t.TempDir(), "history.lapse")
	child := exec.Command(exe)
	child.Env = append(os.Environ(), childEnv+"="+path)
	child.Stderr = os.Stderr
	stdout, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	timer := (*time.Timer)(nil)
	var killed atomic.Int64
	var reports []report
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		rep := report{at: time.Now()}
		var stall int64
		args := []any{&rep.kind, &stall}
		for i := range rep.done {
			args = append(args, &rep.done[i])
		}
		if n, err := fmt.Sscan(lines.Text(), args...); err != nil || n != len(args) {
			if timer != nil && killed.Load() != 0 {
				break // torn by the kill
			}
			t.Fatalf("the child wrote %q: %v", lines.Text(), err)
		}
		rep.stall = time.Duration(stall)
		reports = append(reports, rep)
		if timer == nil && rep.kind == after {
			timer = time.AfterFunc(life, func() {
				killed.Store(time.Now().UnixNano())
				if err := child.Process.Kill(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	if err := child.Wait(); err == nil || killed.Load() == 0 {
		t.Fatalf("the child ended before it was killed: %v", err)
	}
	kill := time.Unix(0, killed.Load())

	h, err := ReadFile(path)
	must(t, err)
	if !h.Torn {
		t.Error("the history of a killed run is not torn")
	}
	if err := unwritten(h); err != nil {
		t.Error(err)
	}
	have := inOrder(t, h)

	var stall time.Duration
	for _, rep := range reports {
		stall = max(stall, rep.stall)
	}
	stall = max(stall, kill.Sub(reports[len(reports)-1].at))
	limit := kill.Add(-time.Second - stall)
	binding := 0
	for _, rep := range reports {
		if rep.kind != "synced" && !rep.at.Before(limit) {
			continue
		}
		binding++
		for id, n := range rep.done {
			if have[id] < n {
				t.Errorf("client %d: %d operations in the file, %d were acknowledged (%s) %v before the kill", id, have[id], n, rep.kind, kill.Sub(rep.at))
			}
		}
	}
	if after == "synced" && binding == 0 {
		t.Error("no report binds: this test proved nothing")
	}
	t.Logf("%d operations, %d of %d reports bind, longest stall %v", len(h.Ops), binding, len(reports), stall)
}

// inOrder counts the operations of each session, and checks that they are the
// first ones that it did, none missing.
func inOrder(t *testing.T, h *History) [childClients]int64 {
	t.Helper()
	var n [childClients]int64
	for i := range h.Ops {
		op := &h.Ops[i]
		m := h.Mop(op)
		if want := Value(n[op.Session]*1000 + int64(op.Session) + 1); m.Func == Write && m.Arg != want {
			t.Fatalf("session %d: its operation %d wrote %s, want %s: one is missing", op.Session, n[op.Session], m.Arg, want)
		}
		n[op.Session]++
	}
	return n
}
