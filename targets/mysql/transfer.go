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

// whole is a line of a joiner's log when it got all data, as the same versions have it.
var whole = regexp.MustCompile(`WSREP: SST (received|succeeded)`)

// arrived ends the join of node i, if one is under way. rsync does not sync what it writes (the donor alone does): a machine does
// within half a minute, but a disk that can lose its power has it as lost for ever unless it is told.
func (s *System) arrived(ctx context.Context, i int) error {
	j, joins := s.transfers.again(i)
	if joins && cluster.DiskOf(s.Nodes[i]) != nil {
		line, err := firstLine(s.logPath(i), j.from, whole)
		if err == nil && line != "" {
			err = cluster.Settle(ctx, s.Nodes[i])
		}
		if err != nil {
			return err
		}
	}
	s.transfers.end(i)
	return nil
}

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
	// why is the line by which it gave up, from when it was read until its server was started again: that may have to be tried
	// again, and the log since does not say it any more.
	why string
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

// givenUp is a line of a joiner's log by which it gave up: Galera's replicator says so of transfers that failed, when the donor is
// gone too, and of a cluster that it did not reach in its time, since links were cut, and the server of the programs that carry transfers out. They are the texts of Galera 26.4 and MariaDB 10.11.
var givenUp = regexp.MustCompile(`(?i)restart required|must be restarted|need to (abort|restart)|can't continue.*aborting|failed to prepare for '[a-z]+' sst|` +
	`failed to read from: wsrep_sst|sst (request )?failed|gcs connect failed`)

// again is a copy of a joiner's state. ok is false of a node that nobody started, or that has joined.
func (t *transfers) again(i int) (state join, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	j := t.joins[i]
	if j == nil {
		return join{}, false
	}
	return *j, true
}

// owe notes that node i gave up, and why: its server is to be started again.
func (t *transfers) owe(i int, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if j := t.joins[i]; j != nil {
		j.why = why
	}
}

// paid notes that it was.
func (t *transfers) paid(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if j := t.joins[i]; j != nil {
		j.again, j.why = j.again+1, ""
	}
}

// joinAgain starts the server of a joiner that gave up once more, and tells so. Its error says that; nil is that the joiner has not
// given up. What is broken off is gone on with by the next call.
func (s *System) joinAgain(ctx context.Context, i int) error {
	s.group.changing.Lock() // whoever else asks at the same time sees what was done
	defer s.group.changing.Unlock()
	j, joins := s.transfers.again(i)
	if !joins {
		return nil
	}
	if j.why == "" {
		line, err := firstLine(s.logPath(i), j.from, givenUp)
		if err != nil || line == "" {
			return err
		}
		j.why = line
		if j.again < joinTries {
			s.transfers.owe(i, line)
		}
	}
	if j.again >= joinTries {
		return fmt.Errorf("it gave up joining %d times: %s", j.again+1, j.why)
	}
	n := s.Nodes[i]
	// It stays up as Disconnected, or takes long to end; and when it has ended, the programs of its transfer may still have the port.
	if err := n.Kill(ctx); err != nil {
		return err
	}
	if err := s.StartNode(ctx, i); err != nil {
		return fmt.Errorf("starting it again, as it gave up joining (%s): %w", j.why, err)
	}
	s.transfers.paid(i)
	s.Tell("restart", "%s gave up joining (%s) and was started again", n.Name(), j.why)
	return fmt.Errorf("it gave up joining and was started again (%d of %d)", j.again+1, joinTries)
}

// joinsAgain tells whether the node is a joiner that gave up, or may have, and is to be started again.
func (s *System) joinsAgain(node string) bool {
	i, err := s.Index(node)
	if err != nil {
		return false
	}
	j, joins := s.transfers.again(i)
	if !joins || j.again >= joinTries {
		return false
	}
	if j.why != "" {
		return true
	}
	line, err := firstLine(s.logPath(i), j.from, givenUp)
	return err != nil || line != ""
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
	return firstMatch(f, match)
}

// firstMatch is the first line that matches; empty if none does. A line of a megabyte is an error.
func firstMatch(r io.Reader, match *regexp.Regexp) (string, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if line := lines.Text(); match.MatchString(line) {
			return line, nil
		}
	}
	return "", lines.Err()
}
