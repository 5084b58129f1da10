package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/spawn"
)

// node implements cluster.Node: a main process and those of Exec, each with its
// supervisor.
type node struct {
	name    string
	dir     string
	logDir  string
	janitor *janitor

	mu     sync.Mutex // held while a process is started
	closed bool       // nothing is started any more
	main   *supervised
	execs  map[*supervised]bool

	limiter
}

func (n *node) Name() string    { return n.name }
func (n *node) Address() string { return loopback }
func (n *node) Dir() string     { return n.dir }
func (n *node) LogDir() string  { return n.logDir }

// Start implements cluster.Node. What a former main process left behind is killed
// first.
func (n *node) Start(ctx context.Context, c cluster.Command) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.start(ctx, c); err != nil {
		return fmt.Errorf("starting %s on %s: %w", c.Path, n.name, err)
	}
	return nil
}

func (n *node) start(ctx context.Context, c cluster.Command) error {
	if n.closed {
		return errClosed
	}
	if n.main != nil {
		if n.main.running() {
			return fmt.Errorf("process %d is running", n.main.family.main)
		}
		if err := n.main.kill(ctx); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	log, err := spawn.OpenLog(n.logDir, c)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s, err := superviseCommand(c, n.dir, log, n.janitor)
	if err != nil {
		return err
	}
	n.main = s
	return nil
}

func (n *node) current() *supervised {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.main
}

// Exited implements cluster.Node. Before the first Start it is closed.
func (n *node) Exited() <-chan struct{} {
	if s := n.current(); s != nil {
		return s.exited
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// Pid implements cluster.Node.
func (n *node) Pid() int {
	if s := n.current(); s != nil && s.running() {
		return s.family.main
	}
	return 0
}

// State implements cluster.Node.
func (n *node) State() cluster.State {
	s := n.current()
	switch {
	case s == nil || !s.running():
		return cluster.Stopped
	case s.paused():
		return cluster.Paused
	}
	return cluster.Running
}

// Signal implements cluster.Node.
func (n *node) Signal(sig int) error {
	s := n.current()
	if s == nil || !s.running() {
		return fmt.Errorf("sending signal %d to %s: no process is running", sig, n.name)
	}
	if err := s.signal(syscall.Signal(sig)); err != nil {
		return fmt.Errorf("sending signal %d to %s: %w", sig, n.name, err)
	}
	return nil
}

// Stop implements cluster.Node. What the main process left behind is killed.
func (n *node) Stop(ctx context.Context) error {
	return cluster.StopNode(ctx, n, func() { _ = n.Signal(int(syscall.SIGCONT)) })
}

// all are the node's processes with their supervisors.
func (n *node) all() []*supervised {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []*supervised
	if n.main != nil {
		out = append(out, n.main)
	}
	for s := range n.execs {
		out = append(out, s)
	}
	return out
}

// Kill implements cluster.Node.
func (n *node) Kill(ctx context.Context) error {
	var errs []error
	for _, s := range n.all() {
		errs = append(errs, s.kill(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("killing %s: %w", n.name, err)
	}
	return nil
}

// close kills everything for good.
func (n *node) close(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	return n.Kill(ctx)
}

// Pause implements cluster.Node.
func (n *node) Pause(ctx context.Context) error {
	if n.Pid() == 0 {
		return fmt.Errorf("pausing %s: no process is running", n.name)
	}
	return n.each("pausing", func(s *supervised) error { return s.pause(ctx) })
}

// Resume implements cluster.Node.
func (n *node) Resume(ctx context.Context) error {
	return n.each("resuming", func(s *supervised) error { return s.resume(ctx) })
}

func (n *node) each(doing string, act func(*supervised) error) error {
	var errs []error
	for _, s := range n.all() {
		if s.running() {
			errs = append(errs, act(s))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s %s: %w", doing, n.name, err)
	}
	return nil
}

// Exec implements cluster.Node. Kill and Pause mean its process, too.
func (n *node) Exec(ctx context.Context, c cluster.Command) ([]byte, error) {
	out, err := n.exec(ctx, c)
	if err != nil {
		return out, fmt.Errorf("running %s on %s: %w", c.Path, n.name, err)
	}
	return out, nil
}

// exec is Exec. What the command leaves running is killed.
func (n *node) exec(ctx context.Context, c cluster.Command) ([]byte, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	defer func() { _ = r.Close() }()
	s, err := n.startExec(c, w)
	_ = w.Close()
	if err != nil {
		return nil, err
	}
	var said cluster.Said
	var readErr error
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, readErr = io.Copy(&said, r)
	}()
	select {
	case <-s.exited:
	case <-ctx.Done():
	}
	late := ctx.Err()
	killCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cluster.KillTimeout)
	defer cancel()
	if err := s.kill(killCtx); err != nil {
		_ = r.Close() // ends the reading
		<-read
		return said.Bytes(), err
	}
	n.mu.Lock()
	delete(n.execs, s)
	n.mu.Unlock()
	<-read
	return said.Bytes(), errors.Join(readErr, late, s.status(), said.Err())
}

func (n *node) startExec(c cluster.Command, out *os.File) (*supervised, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, errClosed
	}
	s, err := superviseCommand(c, n.dir, out, n.janitor)
	if err != nil {
		return nil, err
	}
	if n.execs == nil {
		n.execs = map[*supervised]bool{}
	}
	n.execs[s] = true
	return s, nil
}
