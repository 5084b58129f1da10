package cassandra

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// bentClock is the compiled Java class that every node takes its time from.
// Cassandra lets its clock be replaced (-Dcassandra.clock), and everything in it
// asks that clock: the timestamps of writes, ballots, gossip, the expiry of data.
// Unlike libfaketime, which makes a node's start take ten times the processor time
// because it stands before every call that asks for the time, this costs nothing,
// so that it is always there.
//
//go:generate javac --release 17 -g:none -cp $CASSANDRA_JARS/cassandra-all-5.0.8.jar -d bentclock bentclock/lapse/BentClock.java
//go:embed bentclock/lapse/BentClock.class
var bentClock []byte

// What is below a node's directory for the clock: the directory of the class, and
// the file that says how many milliseconds the clock is off.
const (
	classDir   = "classes"
	offsetName = "clock-offset"
)

// installClock puts the class where node i's java finds it. An offset stays over a
// restart, as the wrong clock of a machine does.
func (s *System) installClock(i int) error {
	dir := s.Nodes[i].Dir()
	if err := os.MkdirAll(filepath.Join(dir, classDir, "lapse"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, classDir, "lapse", "BentClock.class"), bentClock, 0o644); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, offsetName)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.writeOffset(i, 0)
}

// writeOffset replaces the file in one step, so that it is never read half.
func (s *System) writeOffset(i int, offset time.Duration) error {
	path := filepath.Join(s.Nodes[i].Dir(), offsetName)
	text := strconv.FormatInt(offset.Milliseconds(), 10) + "\n"
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// BendClock implements ability.ClockBender, to the millisecond. It returns when the
// node's own answer to what time it is has moved.
//
// Timestamps that a node gave out as a coordinator stay ahead for as long as its
// clock was: Cassandra never gives out a smaller one than before.
func (s *System) BendClock(ctx context.Context, node string, offset time.Duration) (time.Duration, error) {
	i, err := s.Index(node)
	if err != nil {
		return 0, err
	}
	if err := s.writeOffset(i, offset); err != nil {
		return 0, fmt.Errorf("moving the clock of %s: %w", node, err)
	}
	var seen time.Duration
	err = cluster.Await(ctx, fmt.Sprintf("the clock of %s to be off by %v", node, offset), func(ctx context.Context) error {
		return s.alive(ctx, i, func(ctx context.Context) error {
			low, high, err := s.clockOffset(ctx, i)
			if err != nil {
				return err
			}
			seen = min(max(offset, low), high)
			if seen != offset || high-low > clockSlack {
				return fmt.Errorf("it is off by %v to %v", low, high)
			}
			return nil
		})
	})
	return seen, err
}

// clockSlack bounds the uncertainty of a clock's reading that is believed: asking
// takes time itself, and a busy node answers late.
const clockSlack = 100 * time.Millisecond

// clockSamples bounds the times that a node is asked for the time.
const clockSamples = 5

// clockOffset asks a node for the time, and says between which bounds its clock is
// off: it was read some time between the question and the answer. Several answers
// together say it better than one.
func (s *System) clockOffset(ctx context.Context, i int) (low, high time.Duration, err error) {
	for sample := range clockSamples {
		var theirs, asked, answered time.Time
		err := s.admin(ctx, i, func(n *conn) error {
			q := n.query(ctx, "SELECT current_timestamp() FROM system.local")
			if err := n.prepare(ctx, q); err != nil {
				return err
			}
			asked = time.Now()
			err := q.Scan(&theirs)
			answered = time.Now()
			return err
		})
		if err != nil {
			return 0, 0, fmt.Errorf("asking for the time: %w", err)
		}
		// The node tells whole milliseconds, rounded down.
		from, to := theirs.Sub(answered), theirs.Add(time.Millisecond).Sub(asked)
		if sample == 0 {
			low, high = from, to
		} else {
			low, high = max(low, from), min(high, to)
		}
		if high-low < clockSlack/10 {
			break
		}
	}
	if low > high {
		return 0, 0, errors.New("its clock is moving")
	}
	return low, high, nil
}
