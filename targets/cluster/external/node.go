package external

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/cluster"
)

// node is a cluster.Node of an external cluster.
type node struct {
	cluster *external
	name    string
	addr    string
	alive   func(ctx context.Context, addr string) error
	logDir  string

	mu sync.Mutex
	// killed says that the operator's command killed it, and nothing started it
	// since.
	killed bool
	exited chan struct{}
	seen   string
}

var (
	_ cluster.Node       = (*node)(nil)
	_ cluster.Distant    = (*node)(nil)
	_ cluster.Supervised = (*node)(nil)
)

// Supervisor implements cluster.Supervised.
func (n *node) Supervisor() cluster.Supervisor { return n.cluster.operator.Supervisor }

func (n *node) Name() string    { return n.name }
func (n *node) Address() string { return host(n.addr) }

// Dir is empty: no directory of the node is ours.
func (n *node) Dir() string    { return "" }
func (n *node) LogDir() string { return n.logDir }

// Start has the operator start the database, whatever cmd says, and returns when
// the node gives a sign of life. Without a command for it a supervisor will do it.
func (n *node) Start(ctx context.Context, _ cluster.Command) error {
	op := n.cluster.operator
	if op.Supervisor == nil || op.Nodes[n.name].Start != "" {
		if err := n.cluster.order(ctx, n, cluster.CommandStart, nil); err != nil {
			return err
		}
	}
	err := cluster.Await(ctx, n.name+" to answer at "+n.addr, n.look)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.killed {
		n.killed, n.exited = false, make(chan struct{})
	}
	return nil
}

// Stop does nothing: the database is not ours to stop.
func (n *node) Stop(context.Context) error { return nil }

func (n *node) Signal(int) error { return n.notOurs("signalling") }

// Kill has the operator kill the database and returns when the node gives no sign
// of life any more.
func (n *node) Kill(ctx context.Context) error {
	if err := n.cluster.order(ctx, n, cluster.CommandKill, nil); err != nil {
		return err
	}
	silent := 0
	err := cluster.Await(ctx, n.name+" to be gone", func(ctx context.Context) error {
		err := n.look(ctx)
		if err == nil {
			silent = 0
			return fmt.Errorf("%s still answers", n.addr)
		}
		// A node that is only slow must not pass for one that is gone.
		if silent++; !refused(err) && silent < 2 {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.killed {
		n.killed = true
		close(n.exited)
	}
	return nil
}

// Pause has the operator stop the database for a while.
func (n *node) Pause(ctx context.Context) error {
	return n.cluster.order(ctx, n, cluster.CommandPause, nil)
}

// Resume has the operator let it go on.
func (n *node) Resume(ctx context.Context) error {
	return n.cluster.order(ctx, n, cluster.CommandResume, nil)
}

// State implements cluster.Node; see the comment of the package.
func (n *node) State() cluster.State {
	err := n.look(context.Background())
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err == nil:
		if n.killed { // somebody else started it
			n.killed, n.exited = false, make(chan struct{})
		}
		return cluster.Running
	case n.killed, refused(err):
		return cluster.Stopped
	}
	return cluster.Paused
}

// look knocks once.
func (n *node) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, knockTimeout)
	defer cancel()
	err := n.alive(ctx, n.addr)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen = n.addr + " answers"
	if err != nil {
		n.seen = n.addr + " " + describe(err)
	}
	return err
}

// Seen implements cluster.Distant.
func (n *node) Seen() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen
}

// Pid is 0: the process cannot be seen.
func (*node) Pid() int { return 0 }

// Exited is closed when the operator's command has killed the database.
func (n *node) Exited() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.exited
}

func (n *node) Exec(context.Context, cluster.Command) ([]byte, error) {
	return nil, n.notOurs("running a command on")
}

func (n *node) notOurs(doing string) error {
	return fmt.Errorf("%s %s: it is a node of an external cluster", doing, n.name)
}

// refused tells an address where nobody listens, or a name that has no address at the
// moment, from one that is silent.
func refused(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsNotFound
	}
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// describe says what a liveness probe met, in words without numbers that change.
func describe(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refuses connections"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closes connections"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "has a host name that is not known"
	case errors.As(err, &dns):
		return "has a host name that could not be looked up, since no name server gave an answer"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "cannot be reached: no route to it"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "does not answer within " + duration.Text(knockTimeout)
	}
	return "does not answer as this database does: " + err.Error()
}
