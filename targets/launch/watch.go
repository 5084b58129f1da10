package launch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/targets/cluster"
)

// WhileRunning runs work, and ends its context when the server of a node ends: then
// there is nothing to wait for. The error is then that server's end, with the last
// words of its log. Only the servers of these nodes are watched, all if none is named;
// they must have been started.
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
	}
	err := work(ctx)
	if cause := context.Cause(ctx); err != nil && !errors.Is(cause, ctx.Err()) {
		return cause
	}
	return err
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

// lastWordsMost is how much of a line is told.
const lastWordsMost = 300

// LastWords says where the log of node i is, and the last complaint in it.
func (f *Fleet) LastWords(i int) string {
	path := filepath.Join(f.Nodes[i].LogDir(), f.Log)
	last := lastLine(path, f.Complaint)
	if last == "" {
		return "its log is " + path
	}
	return fmt.Sprintf("its log %s says: %s", path, last)
}

func lastLine(path string, complaint func(string) bool) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }() // it was only read
	last := ""
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if strings.TrimSpace(line) != "" && (complaint == nil || complaint(line)) {
			last = line
		}
	}
	if len(last) > lastWordsMost {
		last = strings.ToValidUTF8(last[:lastWordsMost], "") + " ..."
	}
	return last
}
