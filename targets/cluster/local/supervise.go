package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/spawn"
)

// envSupervise makes a process of this binary a supervisor.
const envSupervise = "LAPSE_LOCAL_SUPERVISE"

// Descriptors of a supervisor, besides the standard ones.
const (
	ordersFD = 3 // the orders, as JSON; at its end the harness is gone
	eventsFD = 4 // events, as JSON, for the harness
	aliveFD  = 5 // open as long as this process lives: the janitor waits for it
)

// orders is what the harness tells a supervisor: a command to run, or a
// directory to remove at the end.
type orders struct {
	Command *cluster.Command
	Home    string
	Remove  string
	// Attached says that the command's standard streams are the supervisor's own.
	Attached bool
}

// event is what a supervisor tells the harness.
type event struct {
	Pid    int
	Err    string
	Exited bool
	Status int // of an exited process, as wait(2) gives it
	Ready  bool
}

func init() {
	if os.Getenv(envSupervise) == "" {
		return
	}
	// Not os.Exit: what the runtime does at the end of a program (coverage, the
	// race detector's pause) is the harness's business.
	syscall.Exit(superviseMain())
}

func superviseMain() int {
	for _, fd := range []int{ordersFD, eventsFD, aliveFD} {
		syscall.CloseOnExec(fd)
	}
	_ = os.Unsetenv(envSupervise)
	// Whatever is sent to the harness must not end this process before it has
	// done its work. (Ignored signals would be ignored by the node's process,
	// too; caught ones are not.)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGPIPE)

	events := json.NewEncoder(os.NewFile(eventsFD, "events"))
	lifeline := os.NewFile(ordersFD, "orders")
	in := json.NewDecoder(lifeline)
	var ord orders
	if err := in.Decode(&ord); err != nil {
		return 1 // the harness was gone before it had said what to do
	}
	harnessGone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, lifeline)
		close(harnessGone)
	}()
	if ord.Command == nil {
		_ = events.Encode(event{Ready: true})
		<-harnessGone
		return removeAll(ord.Remove)
	}
	return supervise(ord, events, harnessGone)
}

// removeAll removes dir. A process that was just killed may still have been
// writing there.
func removeAll(dir string) int {
	for range 600 {
		if err := os.RemoveAll(dir); err == nil {
			return 0
		}
		time.Sleep(50 * time.Millisecond)
	}
	return 1
}

// supervise runs the command, reaps what it started, and kills all of it when the
// harness is gone or wants it. Events that nobody hears any more are no errors.
func supervise(ord orders, events *json.Encoder, harnessGone <-chan struct{}) int {
	// A parent-death signal comes when the thread ends: this one stays.
	runtime.LockOSThread()
	if err := adoptOrphans(); err != nil {
		_ = events.Encode(event{Err: err.Error()})
		return 1
	}
	cmd, err := spawn.Start(ord.Command.NotRoot, ord.Home, func() *exec.Cmd {
		cmd := spawn.Cmd(context.Background(), *ord.Command, ord.Home)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if ord.Attached {
			cmd.Stdin = os.Stdin
		}
		dieWithParent(cmd.SysProcAttr)
		return cmd
	}, (*exec.Cmd).Start)
	if err != nil {
		_ = events.Encode(event{Err: err.Error()})
		return 1
	}
	main := cmd.Process.Pid
	if ord.Attached { // whoever reads them is to see their end
		_ = errors.Join(os.Stdin.Close(), os.Stdout.Close())
	}
	_ = events.Encode(event{Pid: main})
	none := make(chan struct{})
	go func() {
		defer close(none)
		spawn.Reap(main, func(ws syscall.WaitStatus) { _ = events.Encode(event{Exited: true, Status: int(ws)}) })
	}()
	<-harnessGone
	err = killFamily(main, none)
	for _, path := range ord.Command.Left(main) {
		if wrong := os.Remove(path); !errors.Is(wrong, fs.ErrNotExist) {
			err = errors.Join(err, wrong)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lapse:", err)
		return 1
	}
	return 0
}
