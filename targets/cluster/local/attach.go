package local

import (
	"context"
	"fmt"
	"os"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Attached is a process whose standard streams are in the caller's hands, with a
// supervisor that kills it and all that it started when this process is gone. Its
// methods are safe for concurrent use.
type Attached struct{ process *supervised }

// Attach starts a command on these streams, of which the caller closes its copies. The
// command's Log and NotRoot do not count; its Dir must be given.
func Attach(c cluster.Command, stdin, stdout, stderr *os.File) (*Attached, error) {
	p, err := superviseOrders(orders{Command: &c, Home: c.Dir, Attached: true}, streams{stdin, stdout, stderr}, nil)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Path, err)
	}
	return &Attached{p}, nil
}

// Exited is closed when the process itself has ended; what it started may go on.
func (a *Attached) Exited() <-chan struct{} { return a.process.exited }

// Status says how the process, which has ended, did: nil for the exit code 0.
func (a *Attached) Status() error { return a.process.status() }

// Missing says that the process ended because its shell found no such program.
func (a *Attached) Missing() bool {
	w := a.process.wait
	return w.Exited() && (w.ExitStatus() == 126 || w.ExitStatus() == 127)
}

// Kill ends the process and all that it started, and returns when all are gone.
func (a *Attached) Kill(ctx context.Context) error { return a.process.kill(ctx) }
