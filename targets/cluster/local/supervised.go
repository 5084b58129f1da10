package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/lapse-test/lapse/targets/cluster"
)

// startSupervisor starts this binary as a supervisor with these orders. At the
// end of lifeline it does its work and ends.
func startSupervisor(ord orders, lifeline, lifelineEnd *os.File, std streams, alive *os.File) (*exec.Cmd, *json.Decoder, *os.File, error) {
	events, eventsEnd, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("making a pipe: %w", err)
	}
	defer func() { _ = eventsEnd.Close() }()
	exe, err := executable()
	if err != nil {
		_ = events.Close()
		return nil, nil, nil, err
	}
	cmd := exec.Command(exe)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), envSupervise+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std.in, std.out, std.err
	cmd.ExtraFiles = []*os.File{lifelineEnd, eventsEnd}
	if alive != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, alive)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		_ = events.Close()
		return nil, nil, nil, fmt.Errorf("starting a supervisor: %w", err)
	}
	if err := json.NewEncoder(lifeline).Encode(ord); err != nil {
		_ = events.Close()
		_ = lifeline.Close()
		return nil, nil, nil, errors.Join(fmt.Errorf("instructing a supervisor: %w", err), cmd.Wait())
	}
	return cmd, json.NewDecoder(events), events, nil
}

// supervised is a process of a node with its supervisor.
type supervised struct {
	family
	lifeline *os.File
	exited   chan struct{}      // closed when the main process has ended
	wait     syscall.WaitStatus // valid then
	ended    chan struct{}      // closed when nothing is left, the supervisor included
}

// superviseCommand starts a command with its output going to out.
func superviseCommand(c cluster.Command, home string, out *os.File, j *janitor) (*supervised, error) {
	return superviseOrders(orders{Command: &c, Home: home}, streams{out: out, err: out}, j.alive)
}

// streams are standard streams; nil is nothing.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func superviseOrders(ord orders, std streams, alive *os.File) (*supervised, error) {
	end, lifeline, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	cmd, events, file, err := startSupervisor(ord, lifeline, end, std, alive)
	_ = end.Close()
	if err != nil {
		_ = lifeline.Close()
		return nil, err
	}
	main, err := startedBy(events)
	if err != nil {
		_ = lifeline.Close()
		_ = file.Close()
		_ = cmd.Wait() // what it says of itself is known
		return nil, err
	}
	s := &supervised{
		family:   family{supervisor: cmd.Process.Pid, main: main},
		lifeline: lifeline,
		exited:   make(chan struct{}),
		ended:    make(chan struct{}),
	}
	go s.watch(cmd, events, file)
	return s, nil
}

// startedBy is the process that a supervisor says that it has started. No process has another
// number than a positive one: 0 and what is below it would be signals to groups.
func startedBy(events *json.Decoder) (pid int, err error) {
	var first event
	if err := events.Decode(&first); err != nil {
		return 0, fmt.Errorf("its supervisor ended: %w", err)
	}
	switch {
	case first.Err != "":
		return 0, errors.New(first.Err)
	case first.Pid <= 0:
		return 0, fmt.Errorf("its supervisor says that it is process %d", first.Pid)
	}
	return first.Pid, nil
}

// endOf waits until a supervisor says how the process has ended, or ends itself, and its child with it.
func endOf(events *json.Decoder) syscall.WaitStatus {
	for {
		var e event
		if err := events.Decode(&e); err != nil {
			return syscall.WaitStatus(syscall.SIGKILL)
		}
		if e.Exited {
			return syscall.WaitStatus(e.Status)
		}
	}
}

func (s *supervised) watch(cmd *exec.Cmd, events *json.Decoder, file *os.File) {
	defer func() { _ = file.Close() }()
	s.wait = endOf(events)
	close(s.exited)
	_ = cmd.Wait()
	close(s.ended)
}

// status is nil if the process, which has ended, ended with exit code 0.
func (s *supervised) status() error {
	switch {
	case s.wait.Signaled():
		return fmt.Errorf("ended by signal %d (%v)", int(s.wait.Signal()), s.wait.Signal())
	case s.wait.ExitStatus() != 0:
		return fmt.Errorf("exit status %d", s.wait.ExitStatus())
	}
	return nil
}

func (s *supervised) running() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// kill ends all that belongs to the process. It does so the way that the death
// of the harness does.
func (s *supervised) kill(ctx context.Context) error {
	_ = s.lifeline.Close() // it may be closed
	select {
	case <-s.ended:
		return nil
	default:
	}
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the end of process %d: %w", s.main, ctx.Err())
	}
}

// janitor removes the nodes' directories when the harness and all supervisors
// have ended, or Close wants it.
type janitor struct {
	dir   string
	alive *os.File // every supervisor holds it, too
	cmd   *exec.Cmd
}

func startJanitor(dir string) (*janitor, error) {
	end, alive, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	defer func() { _ = end.Close() }()
	cmd, events, file, err := startSupervisor(orders{Remove: dir}, alive, end, streams{}, nil)
	if err != nil {
		_ = alive.Close()
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var first event
	err = events.Decode(&first)
	if err == nil && !first.Ready {
		err = errors.New(first.Err)
	}
	if err != nil {
		_ = alive.Close()
		return nil, errors.Join(fmt.Errorf("starting who removes %s: %w", dir, err), cmd.Wait())
	}
	return &janitor{dir: dir, alive: alive, cmd: cmd}, nil
}

// end has the directory removed.
func (j *janitor) end(context.Context) error {
	_ = j.alive.Close()
	if err := j.cmd.Wait(); err != nil {
		if err := os.RemoveAll(j.dir); err != nil {
			return fmt.Errorf("removing the nodes' directories: %w", err)
		}
	}
	return nil
}
