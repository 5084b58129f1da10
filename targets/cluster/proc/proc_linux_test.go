package proc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

func TestParseStat(t *testing.T) {
	for _, c := range []struct {
		text string
		want Stat
		ok   bool
	}{
		{"12 (sh) S 1 12 12 0 -1 4194304 100 0 0 0 1 2 3 4 20 0 1 0 98765 1000", Stat{'S', 1, 98765}, true},
		{"12 (a) R 9 (b) T 7 12 12 0 -1 4194304 100 0 0 0 1 2 3 4 20 0 1 0 5", Stat{'T', 7, 5}, true}, // a name can hold anything
		{"12 (sh) S 1 12 12 0", Stat{}, false},
		{"12 (sh) S 1 12 12 0 -1 4194304 100 0 0 0 1 2 3 4 20 0 1 0 x", Stat{}, false},
		{"12 (sh) S", Stat{}, false},
		{"12 (sh) S x", Stat{}, false},
		{"", Stat{}, false},
	} {
		got, err := parseStat([]byte(c.text))
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("parseStat(%q) = %+v, %v", c.text, got, err)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("12 (sh) S 1 12 12 0 -1 4194304 100 0 0 0 1 2 3 4 20 0 1 0 98765 1000"))
	f.Add([]byte("12 (a) b) T -7"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := parseStat(b)
		if err != nil && st != (Stat{}) {
			t.Errorf("%+v with error %v", st, err)
		}
	})
}

// family starts a shell with two children in sessions of their own and returns
// their ids when all are there. This process adopts the orphans.
func family(t *testing.T) (shell int, children []int) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", "sleep 1000 & sleep 1001 & wait")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reaped := make(chan struct{})
	go func() {
		defer close(reaped)
		_ = cmd.Wait() // it is killed
	}()
	shell = cmd.Process.Pid
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		for _, root := range []int{shell, os.Getpid()} {
			if err := Kill(ctx, Descendants(root)); err != nil {
				t.Error(err)
			}
		}
		<-reaped
		for _, pid := range children { // orphans are ours now
			_, _ = syscall.Wait4(pid, nil, 0, nil)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := cluster.Await(ctx, "two children", func(context.Context) error {
		var err error
		children, err = Descendants(shell).All()
		if err == nil && len(children) != 2 {
			err = fmt.Errorf("%v", children)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return shell, children
}

func TestDescendants(t *testing.T) {
	shell, children := family(t)
	mine := Descendants(os.Getpid())
	all, err := mine.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range append(children, shell) {
		if !slices.Contains(all, pid) || !mine.Has(pid) {
			t.Errorf("process %d is not found among %v", pid, all)
		}
	}
	if Descendants(shell).Has(shell) || mine.Has(os.Getppid()) || mine.Has(1) {
		t.Error("a process that is no descendant is taken for one")
	}
	// A signal goes only to members, whatever id it is sent to.
	if err := Signal(Descendants(children[0]), children[1], syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if st, err := ReadStat(children[1]); err != nil || dead(st.State) {
		t.Errorf("a process outside of the set was killed: %+v, %v", st, err)
	}
}

func TestPauseResumeKill(t *testing.T) {
	shell, children := family(t)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	mine := Descendants(os.Getpid())
	all := append(slices.Clone(children), shell)
	if err := Pause(ctx, mine); err != nil {
		t.Fatal(err)
	}
	for _, pid := range all {
		if !Stopped(pid) {
			t.Errorf("process %d runs", pid)
		}
	}
	if err := Resume(ctx, mine); err != nil {
		t.Fatal(err)
	}
	for _, pid := range all {
		if Stopped(pid) {
			t.Errorf("process %d is stopped", pid)
		}
	}
	if err := Kill(ctx, mine); err != nil {
		t.Fatal(err)
	}
	for _, pid := range all {
		if st, err := ReadStat(pid); err == nil && !dead(st.State) {
			t.Errorf("process %d is in state %c", pid, st.State)
		}
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Kill(done, mine); err != nil {
		t.Errorf("killing nobody: %v", err)
	}
}
