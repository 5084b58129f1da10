package mysql

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/lapse-test/lapse/targets/cluster"
)

// A joiner gets what it lacks from a donor: the writes that it missed (incremental, IST), or all data (SST). When that fails in the
// middle, because the donor or the way to it went, what the joiner has is half of something, and its server gives up.

// joinTries is how often a joiner that gave up is started again.
const joinTries = 3

// transfers are the joins that are under way. They are safe for concurrent use.
type transfers struct {
	mu    sync.Mutex
	joins map[int]*join
}

// join is one node's.
type join struct {
	// blank says that it joins without data, so that there is no position to recover.
	blank bool
	// from is how long the node's log was when its server was started last.
	from int64
	// again is how often it was started again.
	again int
}

// begin has node i be a joiner, with data or blank, until end.
func (t *transfers) begin(i int, blank bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.joins[i] = &join{blank: blank}
}

func (t *transfers) blank(i int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	j := t.joins[i]
	return j != nil && j.blank
}

func (t *transfers) end(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.joins, i)
}

// started notes that the server of node i is about to be started, with a log that is so long.
func (t *transfers) started(i int, log int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if j := t.joins[i]; j != nil {
		j.from = log
	}
}

// givenUp is the line of a joiner's log by which it gave up: Galera's replicator says so of transfers that failed, and the server of
// the programs that carry them out.
var givenUp = regexp.MustCompile(`node restart required|Will never receive state|Failed to prepare for '[a-z]+' SST|Failed to read from: wsrep_sst|SST (request )?failed|State transfer.*failed.*abort`)

// again is a joiner's state: from where on its log is of its life now, and how often it was started again. ok is false of a node that
// nobody started, or that has joined.
func (t *transfers) again(i int) (from int64, times int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	j := t.joins[i]
	if j == nil {
		return 0, 0, false
	}
	return j.from, j.again, true
}

// count notes that node i is started again.
func (t *transfers) count(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if j := t.joins[i]; j != nil {
		j.again++
	}
}

// joinAgain starts the server of a joiner that gave up once more, and tells so. Its error says that; nil is that the joiner has not
// given up.
func (s *System) joinAgain(ctx context.Context, i int) error {
	s.group.changing.Lock() // whoever else asks at the same time sees what was done
	defer s.group.changing.Unlock()
	from, times, joins := s.transfers.again(i)
	if !joins {
		return nil
	}
	line, err := firstLine(s.logPath(i), from, givenUp)
	if err != nil || line == "" {
		return err
	}
	if times >= joinTries {
		return fmt.Errorf("it gave up joining %d times", times+1)
	}
	s.transfers.count(i)
	n := s.Nodes[i]
	if n.State() != cluster.Stopped {
		// It stays up as Disconnected, or takes long to end.
		if err := n.Kill(ctx); err != nil {
			return err
		}
	}
	s.Tell("restart", "%s gave up joining (%s) and was started again", n.Name(), line)
	if err := s.StartNode(ctx, i); err != nil {
		return fmt.Errorf("starting it again: %w", err)
	}
	return fmt.Errorf("it gave up joining and was started again (%d of %d)", times+1, joinTries)
}

func (s *System) logPath(i int) string { return filepath.Join(s.Nodes[i].LogDir(), logName) }

// sizeOf is how long a file is, 0 if it is not there.
func sizeOf(path string) int64 {
	stat, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return stat.Size()
}

// firstLine is the first line of a file, from a position on, that matches; empty if none does.
func firstLine(path string, from int64, match *regexp.Regexp) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading what it says: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return "", fmt.Errorf("reading what it says: %w", err)
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if line := lines.Text(); match.MatchString(line) {
			return line, nil
		}
	}
	return "", lines.Err()
}
