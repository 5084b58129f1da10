// Package launch starts the servers of a database, one process a node, waits until
// they serve, says what a log says last when they do not, and ends them. It is what
// the Start of every target has in common.
package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Fleet is the servers of one database. A target's System embeds it and so has
// Restart, Stop and Index; it adds Open, Ready and Version. Its fields are set by
// New and by the target before Start is called; its methods are safe for concurrent
// use if Command is.
type Fleet struct {
	// Title names the database for people, such as "Cassandra".
	Title string
	// Cluster is where the servers run, Nodes its nodes in their order.
	Cluster cluster.Cluster
	Nodes   []cluster.Node
	// Log is the name of the file in a node's log directory that its server's output
	// goes to; it must be what Command names.
	Log string
	// Command prepares node i and says how its server is started. It is called for the
	// first start and for every restart, so it must leave the node's data alone, and
	// it must not wait for other nodes.
	Command func(ctx context.Context, i int) (cluster.Command, error)
	// Complaint says whether a line of a server's log tells what went wrong, besides what any
	// program may say; it may be nil. Where none does the last lines are told.
	Complaint func(line string) bool
	// Secrets are those of the database, such as a password that was made for it: no error has them.
	Secrets []string
	// Image is that of nodes that are containers, empty for others.
	Image string
	// StartTimeout bounds Start, on a loaded machine; 0 means two minutes.
	StartTimeout time.Duration
	// Logger and Progress are those of the configuration, never nil.
	Logger   *slog.Logger
	Progress func(line string)

	// after is nil, for time.After, but in tests.
	after func(time.Duration) <-chan time.Time
}

const (
	defaultStart = 2 * time.Minute
	// stopTimeout is how long the kernel may take to end what is killed.
	stopTimeout = 30 * time.Second
)

// New is a fleet on all nodes of c; the caller sets Command. A nil c is for what needs
// a Fleet and has no servers yet.
func New(title, log string, c cluster.Cluster, cfg targets.Config) *Fleet {
	f := &Fleet{Title: title, Cluster: c, Log: log, Logger: cfg.Log, Progress: cfg.Progress}
	if c != nil {
		f.Nodes, f.Image = c.Nodes(), cluster.ImageOf(c)
	}
	if f.Logger == nil {
		f.Logger = slog.New(slog.DiscardHandler)
	}
	if f.Progress == nil {
		f.Progress = func(string) {}
	}
	return f
}

// Start starts all servers and calls ready, which returns when the database serves:
// when a write and a read went through every node. It ends ready when a server ends,
// and then says what that server's log says last. On an error, which is as Failed makes
// it, everything is stopped by stop, which is the Stop of the System that embeds f; nil
// means Stop itself.
func (f *Fleet) Start(ctx context.Context, ready, stop func(context.Context) error) error {
	if stop == nil {
		stop = f.Stop
	}
	timeout := f.StartTimeout
	if timeout == 0 {
		timeout = defaultStart
	}
	startCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := f.start(startCtx, ready)
	if err == nil {
		return nil
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if stopping := stop(stopCtx); stopping != nil {
		err = f.withLogs(errors.Join(err, stopping))
	}
	return f.Failed(ctx, err)
}

// Failed is err, which was met while starting the servers under ctx: what interrupted ctx,
// or else a *cluster.EnvironmentError with the way out, the one that err has already or
// the logs.
func (f *Fleet) Failed(ctx context.Context, err error) error {
	var environment *cluster.EnvironmentError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("starting %s: %w", f.Title, ctx.Err())
	case errors.As(err, &environment):
		return err
	}
	// Directly, or by the log of its server.
	if n := f.full(err.Error()); n != nil {
		return &cluster.EnvironmentError{Doing: "starting " + f.Title, Err: err, Way: Room(n)}
	}
	return f.withLogs(err)
}

func (f *Fleet) withLogs(err error) error {
	return &cluster.EnvironmentError{Doing: "starting " + f.Title, Err: err, Way: "see the logs of the nodes in the run directory"}
}

// Named is what to call the servers, whose program has this title and version; of an image
// its name is all that is known.
func (f *Fleet) Named(title, version string) string {
	if f.Image != "" {
		return title + " (image " + f.Image + ")"
	}
	return title + " " + version
}

func (f *Fleet) start(ctx context.Context, ready func(context.Context) error) error {
	for i := range f.Nodes {
		if err := f.StartNode(ctx, i); err != nil {
			return err
		}
	}
	return f.WhileRunning(ctx, ready)
}

// StartNode starts the server of node i. That it serves is for the caller to wait
// for.
func (f *Fleet) StartNode(ctx context.Context, i int) error {
	command, err := f.Command(ctx, i)
	if err != nil {
		return err
	}
	return f.Nodes[i].Start(ctx, command)
}

// Await waits until ok returns nil for every node, all at once. What describes it
// after a node's name, such as "to listen". The error has what ok said last.
func (f *Fleet) Await(ctx context.Context, what string, ok func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, n := range f.Nodes {
		group.Go(func() error {
			return cluster.Await(ctx, n.Name()+" "+what, func(ctx context.Context) error { return ok(ctx, i) })
		})
	}
	return group.Wait()
}

// Index is that of the node with this name; the error says which there are.
func (f *Fleet) Index(name string) (int, error) {
	for i, n := range f.Nodes {
		if n.Name() == name {
			return i, nil
		}
	}
	_, err := f.Cluster.Node(name) // says which there are
	return 0, err
}

// mentioned is the index of the node that text names last, -1 if it names none.
func (f *Fleet) mentioned(text string) int {
	last, where := -1, -1
	for i, n := range f.Nodes {
		named := regexp.MustCompile(`\b`+regexp.QuoteMeta(n.Name())+`\b`).FindAllStringIndex(text, -1)
		if len(named) > 0 && named[len(named)-1][0] > where {
			last, where = i, named[len(named)-1][0]
		}
	}
	return last
}

// ReadyIf is the Ready of a System of which only serves is its own: the node is one of
// these, its server runs, and by serves, which gets its index, it serves.
func (f *Fleet) ReadyIf(ctx context.Context, node string, serves func(ctx context.Context, i int) error) error {
	i, err := f.Index(node)
	if err != nil {
		return err
	}
	if err := f.Alive(i); err != nil {
		return err
	}
	return serves(ctx, i)
}

// Names are those of the nodes with these indexes.
func (f *Fleet) Names(indexes []int) []string { return cluster.Names(f.Nodes, indexes) }

// Restart implements ability.Restarter: the server of a killed node is started with
// its data.
func (f *Fleet) Restart(ctx context.Context, node string) error {
	i, err := f.Index(node)
	if err != nil {
		return err
	}
	if err := f.StartNode(ctx, i); err != nil {
		return fmt.Errorf("restarting %s: %w", node, err)
	}
	return nil
}

// Shutdown implements ability.Shutdowner for servers that end orderly by SIGTERM, for all
// who say that they have the ability.
func (f *Fleet) Shutdown(ctx context.Context, node string) error {
	i, err := f.Index(node)
	if err != nil {
		return err
	}
	if err := f.Nodes[i].Stop(ctx); err != nil {
		return fmt.Errorf("stopping %s: %w", node, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("stopping %s: it did not end by itself in time and was killed", node)
	}
	return nil
}

// Stop implements targets.System: every server is killed, all at once. Its data ends
// with the cluster; a target whose servers leave something behind that is not below
// their directories has a Stop of its own.
func (f *Fleet) Stop(ctx context.Context) error {
	errs := make([]error, len(f.Nodes))
	var group errgroup.Group
	for i, n := range f.Nodes {
		group.Go(func() error {
			errs[i] = n.Kill(ctx)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stopping %s: %w", f.Title, err)
	}
	return nil
}
