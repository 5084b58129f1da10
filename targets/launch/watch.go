package launch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/targets/cluster"
)

// WhileRunning runs work, and ends its context when the server of a node ends: then
// there is nothing to wait for. Nor is there when the disk of its data is full, which not every server says. Meanwhile Progress is told
// what it waits for. The error is then that server's end, with the last words of its log; that of work, which no interruption has ended, has those of all of
// these nodes. Only their servers are watched, all if none is named; they must have been started.
func (f *Fleet) WhileRunning(ctx context.Context, work func(context.Context) error, nodes ...int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watchers sync.WaitGroup
	defer watchers.Wait()
	defer cancel(nil)
	for i, n := range f.Nodes {
		if len(nodes) > 0 && !slices.Contains(nodes, i) {
			continue
		}
		exited := n.Exited()
		watchers.Go(func() {
			select {
			case <-exited:
				cancel(fmt.Errorf("the process of %s has ended; %s", n.Name(), f.LastWords(i)))
			case <-ctx.Done():
			}
		})
		watchers.Go(func() {
			if err := awaitFull(ctx, n, roomIn); err != nil {
				cancel(err)
			}
		})
	}
	err := f.TellWaits(ctx, work)
	cause := context.Cause(ctx)
	switch {
	case err == nil, errors.Is(cause, context.Canceled):
		return err
	case !errors.Is(cause, ctx.Err()):
		return cause
	}
	return fmt.Errorf("%w; %s", err, f.Words(nodes...))
}

// Alive returns nil while the server of node i runs, and else what its log says last.
// Ready of a System asks it first: a dead process answers nothing.
func (f *Fleet) Alive(i int) error {
	n := f.Nodes[i]
	if n.State() != cluster.Stopped {
		return nil
	}
	return fmt.Errorf("%s does not run; %s", n.Name(), f.LastWords(i))
}

// JavaComplaint is a Complaint for servers that run on Java: a line of a log at level
// ERROR, or the first line of an exception rather than its stack.
func JavaComplaint(line string) bool {
	return strings.HasPrefix(line, "ERROR") || strings.HasPrefix(line, "Error") ||
		strings.Contains(line, "Exception") && !strings.HasPrefix(line, "\t")
}
