package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/disk"
	"github.com/lapse-test/lapse/targets/cluster/netspace"
	"github.com/lapse-test/lapse/targets/cluster/nft"
	"github.com/lapse-test/lapse/targets/cluster/proc"
	"github.com/lapse-test/lapse/targets/cluster/spawn"
)

// node implements cluster.Node. Its processes are those in its network
// namespace: none can leave it, so that nobody escapes Kill and Pause, whatever
// it forked.
type node struct {
	name   string
	dir    string
	logDir string
	addr   netip.Addr
	ns     *netspace.Space
	fw     *nft.Firewall

	mu     sync.Mutex    // held while a process is started
	closed bool          // nothing is started any more
	pid    int           // of the main process that was started last
	exited chan struct{} // closed when it has ended and was reaped
	left   []string      // files that it leaves elsewhere when it is killed

	disk *disk.Disk // nil if it has none that can be broken

	*proc.Limiter
	throttle throttle
}

// Disk implements cluster.Disked.
func (n *node) Disk() cluster.Disk {
	if n.disk == nil {
		return nil
	}
	return n.disk
}

func (n *node) Name() string    { return n.name }
func (n *node) Address() string { return n.addr.String() }
func (n *node) Dir() string     { return n.dir }
func (n *node) LogDir() string  { return n.logDir }

// Start implements cluster.Node.
func (n *node) Start(ctx context.Context, c cluster.Command) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running() {
		return fmt.Errorf("starting %s on %s: process %d is running", c.Path, n.name, n.pid)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("starting %s on %s: %w", c.Path, n.name, err)
	}
	log, err := spawn.OpenLog(n.logDir, c)
	if err != nil {
		return fmt.Errorf("starting %s on %s: %w", c.Path, n.name, err)
	}
	defer func() { _ = log.Close() }()
	cmd, err := n.launch(c.NotRoot, func() *exec.Cmd {
		cmd := spawn.Cmd(context.Background(), c, n.dir)
		cmd.Stdout, cmd.Stderr = log, log
		return cmd
	})
	if err != nil {
		return fmt.Errorf("starting %s on %s: %w", c.Path, n.name, err)
	}
	exited := make(chan struct{})
	n.pid, n.exited = cmd.Process.Pid, exited
	n.left = append(n.left, c.Left(n.pid)...)
	// A note that cannot be made is one more file in a place that mostly is private.
	for _, path := range outlasting(c.Left(n.pid), Private()) {
		_, _ = removeOnEnd(path)
	}
	go func() {
		_ = cmd.Wait() // how it ended is not asked: nodes are killed
		close(exited)
	}()
	return nil
}

// outlasting are those of the files that do not vanish with the sandbox, as they are not below
// its private directory. The others must not be noted: who removes what was noted may be
// outside, where the same path, of a process with the same id, is somebody else's.
func outlasting(paths []string, private string) []string {
	var out []string
	for _, path := range paths {
		if !strings.HasPrefix(path, private+"/") {
			out = append(out, path)
		}
	}
	return out
}

// launch starts the command that build makes in the node's namespace; n.mu is
// held.
func (n *node) launch(notRoot bool, build func() *exec.Cmd) (*exec.Cmd, error) {
	if n.closed {
		return nil, netspace.ErrClosed
	}
	if n.disk != nil {
		if err := n.disk.Gone(); err != nil {
			return nil, err
		}
	}
	return spawn.Start(notRoot, n.dir, build, func(cmd *exec.Cmd) error { return n.ns.Do(cmd.Start) })
}

// close kills everything for good.
func (n *node) close(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	err := errors.Join(n.Kill(ctx), n.Unthrottle(ctx))
	if n.disk != nil {
		err = errors.Join(err, n.disk.Close(ctx))
	}
	return err
}

// running says whether the main process is there; n.mu is held.
func (n *node) running() bool {
	if n.exited == nil {
		return false
	}
	select {
	case <-n.exited:
		return false
	default:
		return true
	}
}

// Exited implements cluster.Node. Before the first Start it is closed.
func (n *node) Exited() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.exited == nil {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return n.exited
}

// Pid implements cluster.Node.
func (n *node) Pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.running() {
		return 0
	}
	return n.pid
}

// State implements cluster.Node.
func (n *node) State() cluster.State {
	pid := n.Pid()
	if pid == 0 {
		return cluster.Stopped
	}
	st, err := proc.ReadStat(pid)
	switch {
	case err != nil || st.State == 'Z' || st.State == 'X':
		return cluster.Stopped
	case st.State == 'T':
		return cluster.Paused
	}
	return cluster.Running
}

// Signal implements cluster.Node.
func (n *node) Signal(sig int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.running() {
		return fmt.Errorf("sending signal %d to %s: no process is running", sig, n.name)
	}
	// While exited is open the process id is not given to another process.
	if err := syscall.Kill(n.pid, syscall.Signal(sig)); err != nil {
		return fmt.Errorf("sending signal %d to %s: %w", sig, n.name, err)
	}
	return nil
}

// Stop implements cluster.Node. What the main process left behind is killed.
func (n *node) Stop(ctx context.Context) error {
	return cluster.StopNode(ctx, n, func() { _ = n.Signal(int(syscall.SIGCONT)) })
}

// Kill implements cluster.Node: all processes of the node, as when a machine
// loses its power, except that the disk keeps what was not yet synced.
func (n *node) Kill(ctx context.Context) error {
	err := n.ns.Hold(func() error { return proc.Kill(ctx, proc.NetworkNamespace(n.ns.Inode())) })
	if errors.Is(err, netspace.ErrClosed) {
		return nil // Close has killed all
	}
	if err != nil {
		return fmt.Errorf("killing %s: %w", n.name, err)
	}
	// Nothing is left but for the main process to be reaped.
	<-n.Exited()
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, path := range n.left {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	n.left = nil
	return errors.Join(errs...)
}

// Pause implements cluster.Node.
func (n *node) Pause(ctx context.Context) error {
	if n.Pid() == 0 {
		return fmt.Errorf("pausing %s: no process is running", n.name)
	}
	if err := n.ns.Hold(func() error { return proc.Pause(ctx, proc.NetworkNamespace(n.ns.Inode())) }); err != nil {
		return fmt.Errorf("pausing %s: %w", n.name, err)
	}
	return nil
}

// Resume implements cluster.Node.
func (n *node) Resume(ctx context.Context) error {
	if err := n.ns.Hold(func() error { return proc.Resume(ctx, proc.NetworkNamespace(n.ns.Inode())) }); err != nil {
		return fmt.Errorf("resuming %s: %w", n.name, err)
	}
	return nil
}

// outputDelay is how long Exec waits for more output when the command has ended
// but something that it started holds its output open.
const outputDelay = 500 * time.Millisecond

// Exec implements cluster.Node. Its process is one of the node's: Kill and Pause
// mean it, too.
func (n *node) Exec(ctx context.Context, c cluster.Command) ([]byte, error) {
	var out cluster.Said
	n.mu.Lock()
	cmd, err := n.launch(c.NotRoot, func() *exec.Cmd {
		cmd := spawn.Cmd(ctx, c, n.dir)
		cmd.Stdout, cmd.Stderr = &out, &out
		cmd.WaitDelay = outputDelay
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		return cmd
	})
	n.mu.Unlock()
	if err == nil {
		err = cmd.Wait()
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	if err = errors.Join(err, ctx.Err(), out.Err()); err != nil {
		return out.Bytes(), fmt.Errorf("running %s on %s: %w", c.Path, n.name, err)
	}
	return out.Bytes(), nil
}
