package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	dc "github.com/ory/dockertest/v3/docker"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Exec implements cluster.Node: in the main container, or in the holder when no
// main process runs.
func (n *node) Exec(ctx context.Context, c cluster.Command) ([]byte, error) {
	where, err := n.where()
	if err != nil {
		return nil, fmt.Errorf("running %s on %s: %w", c.Path, n.name, err)
	}
	dir := c.Dir
	if dir == "" {
		dir = n.dir
	}
	// The engine's exec knows no working directory (before its API 1.35), and the
	// client no environment without asking for the version.
	args := []string{"/bin/sh", "-c", `cd "$0" && exec env "$@"`, dir}
	args = append(args, n.env(c)...)
	args = append(args, c.Path)
	out, err := n.run(ctx, where, n.user(c), append(args, c.Args...))
	if err != nil {
		return out, fmt.Errorf("running %s on %s: %w", c.Path, n.name, err)
	}
	return out, nil
}

func (n *node) where() (string, error) {
	if m := n.current(); m != nil {
		return m.id, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return "", errClosed
	}
	return n.holder, nil
}

// run executes a command in a container to its end. When ctx is done before, the
// command and what it started in its session are killed.
func (n *node) run(ctx context.Context, container, user string, args []string) ([]byte, error) {
	client := n.cluster.engine.client()
	// The first line of the output is the command's process id in the container.
	args = append([]string{"/bin/sh", "-c", `echo $$ && exec "$@"`, "exec"}, args...)
	e, err := client.CreateExec(dc.CreateExecOptions{
		Container: container, Cmd: args, User: user, AttachStdout: true, AttachStderr: true, Context: ctx,
	})
	if err != nil {
		return nil, err
	}
	out := &output{}
	stream, err := client.StartExecNonBlocking(e.ID, dc.StartExecOptions{OutputStream: out, ErrorStream: out, Context: ctx})
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- stream.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = errors.Join(ctx.Err(), n.killExec(context.WithoutCancel(ctx), container, out.pid()))
		_ = stream.Close() // nobody listens any more
		return out.text(), err
	}
	if err != nil {
		return out.text(), err
	}
	st, err := client.InspectExec(e.ID)
	if err != nil {
		return out.text(), err
	}
	if st.ExitCode != 0 {
		return out.text(), fmt.Errorf("exit status %d", st.ExitCode)
	}
	return out.text(), out.buf.Err()
}

// killExec kills a session in a container.
func (n *node) killExec(ctx context.Context, container, pid string) error {
	if pid == "" {
		return nil // it has not begun
	}
	ctx, cancel := context.WithTimeout(ctx, cluster.KillTimeout)
	defer cancel()
	client := n.cluster.engine.client()
	e, err := client.CreateExec(dc.CreateExecOptions{
		Container: container, User: "0:0", Context: ctx,
		Cmd: []string{"/bin/sh", "-c", "kill -9 -" + pid + " 2>/dev/null || kill -9 " + pid + " 2>/dev/null; true"},
	})
	if err == nil {
		err = client.StartExec(e.ID, dc.StartExecOptions{Detach: true, Context: ctx})
	}
	if err != nil && !gone(err) {
		return fmt.Errorf("killing what was executed: %w", err)
	}
	return nil
}

// output is what a command writes, behind a first line with its process id. It is
// safe for concurrent use.
type output struct {
	mu  sync.Mutex
	buf cluster.Said
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) split() (pid string, rest []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	first, rest, found := bytes.Cut(o.buf.Bytes(), []byte("\n"))
	if !found {
		return "", nil
	}
	return string(first), bytes.Clone(rest)
}

func (o *output) pid() string {
	pid, _ := o.split()
	return pid
}

func (o *output) text() []byte {
	_, rest := o.split()
	return rest
}
