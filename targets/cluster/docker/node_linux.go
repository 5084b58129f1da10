package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	dc "github.com/ory/dockertest/v3/docker"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/proc"
	"github.com/lapse-test/lapse/targets/cluster/spawn"
)

// node implements cluster.Node.
type node struct {
	cluster   *containers
	name      string
	dir       string
	logDir    string
	addr      netip.Addr
	holder    string // the container that owns the network namespace
	holderPid int
	// uid and gid are whom the node's files belong to when we are root, 0 for root.
	uid, gid int

	mu     sync.Mutex // held while a container is made
	closed bool       // nothing is started any more
	main   *main      // of the process that was started last, nil before that
}

// main is the container of a main process.
type main struct {
	id string
	// exited is closed when the process has ended, its log is written and the
	// container is removed.
	exited chan struct{}
}

func (n *node) Name() string    { return n.name }
func (n *node) Address() string { return n.addr.String() }
func (n *node) Dir() string     { return n.dir }
func (n *node) LogDir() string  { return n.logDir }

// create makes a container of the node.
func (n *node) create(ctx context.Context, suffix string, config *dc.Config, host *dc.HostConfig) (string, error) {
	config.Image = n.cluster.spec.Container.Image
	config.Labels = map[string]string{labelNode: n.name}
	for k, v := range n.cluster.labels {
		config.Labels[k] = v
	}
	host.Mounts = []dc.HostMount{
		{Type: "bind", Source: n.dir, Target: n.dir},
		{Type: "bind", Source: n.logDir, Target: n.logDir},
	}
	for _, m := range n.cluster.spec.Container.Mounts {
		host.Mounts = append(host.Mounts, dc.HostMount{Type: "bind", Source: m, Target: m, ReadOnly: true})
	}
	// Logs are read from the engine, whatever it does with them otherwise.
	host.LogConfig = dc.LogConfig{Type: "json-file"}
	c, err := n.cluster.engine.client().CreateContainer(dc.CreateContainerOptions{
		Name: n.cluster.id + "-" + n.name + suffix, Config: config, HostConfig: host, Context: ctx,
	})
	if err != nil {
		return "", fmt.Errorf("making a container of %s: %w", n.cluster.spec.Container.Image, err)
	}
	if err := n.cluster.engine.client().StartContainerWithContext(c.ID, nil, ctx); err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cluster.KillTimeout)
		defer cancel()
		return "", errors.Join(err, n.cluster.engine.remove(clean, c.ID))
	}
	return c.ID, nil
}

// hold starts the container that owns the network namespace.
func (n *node) hold(ctx context.Context) error {
	id, err := n.create(ctx, "-net",
		&dc.Config{Entrypoint: []string{"sleep"}, Cmd: []string{"infinity"}, User: "0:0", Healthcheck: noHealthcheck},
		&dc.HostConfig{NetworkMode: n.cluster.id})
	if err != nil {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	n.holder = id
	c, err := n.cluster.engine.client().InspectContainerWithContext(id, ctx)
	if err != nil {
		return fmt.Errorf("node %s: looking at its container: %w", n.name, err)
	}
	n.holderPid = c.State.Pid
	if n.addr, err = netip.ParseAddr(c.NetworkSettings.Networks[n.cluster.id].IPAddress); err != nil {
		return fmt.Errorf("node %s has no address (its container is %s): %w", n.name, c.State.Status, err)
	}
	return nil
}

// noHealthcheck keeps the engine from running an image's own check in it, which
// would be load that nobody asked for.
var noHealthcheck = &dc.HealthConfig{Test: []string{"NONE"}}

// user is whom a command runs as. Files are shared with the nodes, so that an
// ordinary user's containers must be that user's; root's are what the image says,
// or root, or where that is refused the user of the node's files.
func (n *node) user(c cluster.Command) string {
	switch {
	case os.Geteuid() != 0:
		return strconv.Itoa(os.Geteuid()) + ":" + strconv.Itoa(os.Getegid())
	case c.Path == "":
		return ""
	case !c.NotRoot:
		return "0:0"
	case n.uid == 0:
		return fmt.Sprintf("%d:%d", spawn.UserID, spawn.UserID)
	}
	return fmt.Sprintf("%d:%d", n.uid, n.gid)
}

// env is what is added to the image's environment.
func (n *node) env(c cluster.Command) []string {
	if c.Env == nil && c.Path != "" {
		return []string{"HOME=" + n.dir, "LANG=C.UTF-8"}
	}
	return c.Env
}

// giveAway makes the node's files belong to the user that the database runs as.
func (n *node) giveAway() error {
	if n.uid == 0 {
		return nil
	}
	err := filepath.WalkDir(n.dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, n.uid, n.gid)
	})
	if err != nil {
		return fmt.Errorf("giving the files of %s to user %d: %w", n.name, n.uid, err)
	}
	return nil
}

// Start implements cluster.Node.
func (n *node) Start(ctx context.Context, c cluster.Command) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.start(ctx, c); err != nil {
		what := c.Path
		if what == "" {
			what = n.cluster.spec.Container.Image
		}
		return fmt.Errorf("starting %s on %s: %w", what, n.name, err)
	}
	return nil
}

func (n *node) start(ctx context.Context, c cluster.Command) error {
	switch {
	case n.closed:
		return errClosed
	case n.running():
		return errors.New("a process is running")
	}
	if c.NotRoot && os.Geteuid() == 0 && n.uid == 0 {
		n.uid, n.gid = spawn.UserID, spawn.UserID // there has to be one
	}
	if err := n.giveAway(); err != nil {
		return err
	}
	log, err := spawn.OpenLog(n.logDir, c)
	if err != nil {
		return err
	}
	config := &dc.Config{Cmd: c.Args, Env: n.env(c), User: n.user(c), WorkingDir: c.Dir, Healthcheck: noHealthcheck}
	if c.Path != "" {
		config.Entrypoint = []string{c.Path}
		if config.WorkingDir == "" {
			config.WorkingDir = n.dir
		}
	}
	id, err := n.create(ctx, "", config, &dc.HostConfig{NetworkMode: "container:" + n.holder})
	if err != nil {
		return errors.Join(err, log.Close())
	}
	n.main = &main{id: id, exited: make(chan struct{})}
	go n.watch(n.main, log)
	return nil
}

var errClosed = errors.New("the cluster is closed")

// logPatience is how long the engine may take to hand over the rest of the log of
// a process that has ended.
const logPatience = 5 * time.Second

// watch copies the container's log until its process has ended, and removes it.
func (n *node) watch(m *main, log io.WriteCloser) {
	client, life := n.cluster.engine.client(), n.cluster.life
	defer close(m.exited)
	copied := make(chan struct{})
	copying, stop := context.WithCancel(life)
	defer stop()
	go func() {
		defer close(copied)
		// What the engine does not hand over is missing in the log, and only there.
		_ = client.Logs(dc.LogsOptions{
			Container: m.id, Follow: true, Stdout: true, Stderr: true,
			OutputStream: log, ErrorStream: log, Context: copying,
		})
		_ = log.Close()
	}()
	for {
		_, err := client.WaitContainerWithContext(m.id, life)
		if err == nil || gone(err) || life.Err() != nil {
			break
		}
		time.Sleep(cluster.PollEvery) // the engine does not answer: nothing is known
	}
	select {
	case <-copied:
	case <-time.After(logPatience):
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(life), cluster.KillTimeout)
	defer cancel()
	_ = n.cluster.engine.remove(ctx, m.id) // Close, or the next run, tries again
}

// running says whether the main process is there; n.mu is held.
func (n *node) running() bool {
	if n.main == nil {
		return false
	}
	select {
	case <-n.main.exited:
		return false
	default:
		return true
	}
}

// current is the main container, nil if there is none.
func (n *node) current() *main {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.running() {
		return nil
	}
	return n.main
}

// Exited implements cluster.Node. Before the first Start it is closed.
func (n *node) Exited() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.main == nil {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return n.main.exited
}

// look asks the engine for the state of the main container.
func (n *node) look() (dc.State, bool) {
	m := n.current()
	if m == nil {
		return dc.State{}, false
	}
	ctx, cancel := context.WithTimeout(n.cluster.life, askTimeout)
	defer cancel()
	c, err := n.cluster.engine.client().InspectContainerWithContext(m.id, ctx)
	if err != nil || !c.State.Running {
		return dc.State{}, false
	}
	return c.State, true
}

// Pid implements cluster.Node.
func (n *node) Pid() int {
	st, _ := n.look()
	return st.Pid
}

// State implements cluster.Node.
func (n *node) State() cluster.State {
	st, running := n.look()
	switch {
	case !running:
		return cluster.Stopped
	case st.Paused:
		return cluster.Paused
	}
	return cluster.Running
}

// Signal implements cluster.Node.
func (n *node) Signal(sig int) error {
	m := n.current()
	if m == nil {
		return fmt.Errorf("sending signal %d to %s: no process is running", sig, n.name)
	}
	ctx, cancel := context.WithTimeout(n.cluster.life, askTimeout)
	defer cancel()
	err := n.cluster.engine.client().KillContainer(dc.KillContainerOptions{ID: m.id, Signal: dc.Signal(sig), Context: ctx})
	if err != nil {
		return fmt.Errorf("sending signal %d to %s: %w", sig, n.name, err)
	}
	return nil
}

// Stop implements cluster.Node.
func (n *node) Stop(ctx context.Context) error {
	return cluster.StopNode(ctx, n, func() {
		if m := n.current(); m != nil {
			_ = n.cluster.engine.client().UnpauseContainer(m.id) // it need not be paused
		}
	})
}

// Kill implements cluster.Node. With the first process of a container the kernel
// kills all others.
func (n *node) Kill(ctx context.Context) error {
	m := n.current()
	if m == nil {
		return nil
	}
	client := n.cluster.engine.client()
	err := client.KillContainer(dc.KillContainerOptions{ID: m.id, Signal: dc.SIGKILL, Context: ctx})
	if err != nil && !gone(err) {
		return fmt.Errorf("killing %s: %w", n.name, err)
	}
	// Where the freezer keeps even that signal, it arrives before anything else.
	_ = client.UnpauseContainer(m.id)
	select {
	case <-m.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("killing %s: %w", n.name, ctx.Err())
	}
}

// Pause implements cluster.Node. That the engine says so is not enough: the
// kernel's freezer is asked, too.
func (n *node) Pause(ctx context.Context) error {
	m := n.current()
	if m == nil {
		return fmt.Errorf("pausing %s: no process is running", n.name)
	}
	pid := n.Pid()
	if n.State() != cluster.Paused {
		if err := n.cluster.engine.client().PauseContainer(m.id); err != nil {
			return fmt.Errorf("pausing %s: %w", n.name, err)
		}
	}
	err := cluster.Await(ctx, "the processes to be frozen", func(context.Context) error {
		if n.State() != cluster.Paused || !proc.Frozen(pid) {
			return errors.New("they are not")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("pausing %s: %w", n.name, err)
	}
	return nil
}

// Resume implements cluster.Node.
func (n *node) Resume(ctx context.Context) error {
	m := n.current()
	if m == nil || n.State() != cluster.Paused {
		return nil
	}
	pid := n.Pid()
	if err := n.cluster.engine.client().UnpauseContainer(m.id); err != nil && !gone(err) {
		return fmt.Errorf("resuming %s: %w", n.name, err)
	}
	err := cluster.Await(ctx, "the processes to run", func(context.Context) error {
		if proc.Frozen(pid) {
			return errors.New("they are frozen")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("resuming %s: %w", n.name, err)
	}
	return nil
}

// close removes both containers for good.
func (n *node) close(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	err := n.Kill(ctx)
	if n.holder != "" {
		err = errors.Join(err, n.cluster.engine.remove(ctx, n.holder))
	}
	return err
}
