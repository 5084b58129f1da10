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

	"github.com/lapse-test/lapse/targets/wallclock"
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
	return s.wallClock(i).Await(ctx, node, offset)
}

// StepClock implements ability.ClockBender, to the millisecond.
func (s *System) StepClock(_ context.Context, node string, offset time.Duration) error {
	i, err := s.Index(node)
	if err != nil {
		return err
	}
	if err := s.writeOffset(i, offset); err != nil {
		return fmt.Errorf("moving the clock of %s: %w", node, err)
	}
	return nil
}

// ReadClock implements ability.ClockBender.
func (s *System) ReadClock(ctx context.Context, node string) (time.Duration, error) {
	i, err := s.Index(node)
	if err != nil {
		return 0, err
	}
	return s.wallClock(i).Read(ctx)
}

// wallClock is that of node i, which tells whole milliseconds.
func (s *System) wallClock(i int) wallclock.Clock {
	return wallclock.Clock{Grain: time.Millisecond, Ask: func(ctx context.Context) (theirs, asked, answered time.Time, err error) {
		err = s.alive(ctx, i, func(ctx context.Context) error {
			return s.admin(ctx, i, func(n *conn) error {
				q := n.query(ctx, "SELECT current_timestamp() FROM system.local")
				if err := n.prepare(ctx, q); err != nil {
					return err
				}
				asked = time.Now()
				err := q.Scan(&theirs)
				answered = time.Now()
				return err
			})
		})
		return theirs, asked, answered, err
	}}
}
