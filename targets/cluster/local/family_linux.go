package local

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster/proc"
)

// adoptOrphans makes this process the parent of all descendants that lose theirs.
func adoptOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming the subreaper of a node: %w", err)
	}
	return nil
}

// dieWithParent is for the case that the supervisor itself is killed.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// killFamily kills all descendants of this process, and returns when none is
// left and all are reaped.
func killFamily(_ int, none <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := proc.Kill(ctx, proc.Descendants(os.Getpid())); err != nil {
		return err
	}
	<-none
	return nil
}

// family is the processes of a node, seen from the harness.
type family struct{ supervisor, main int }

func (f family) pause(ctx context.Context) error {
	return proc.Pause(ctx, proc.Descendants(f.supervisor))
}

func (f family) resume(ctx context.Context) error {
	return proc.Resume(ctx, proc.Descendants(f.supervisor))
}

func (f family) signal(sig syscall.Signal) error {
	return proc.Signal(proc.Descendants(f.supervisor), f.main, sig)
}

func (f family) paused() bool {
	st, err := proc.ReadStat(f.main)
	return err == nil && st.State == 'T'
}
