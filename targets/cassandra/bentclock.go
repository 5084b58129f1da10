package cassandra

import (
	"context"
	_ "embed"
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

// classDir is the directory of the class, below a node's.
const classDir = "classes"

// installClock puts the class where node i's java finds it.
func (s *System) installClock(i int) error {
	dir := s.Nodes[i].Dir()
	if err := os.MkdirAll(filepath.Join(dir, classDir, "lapse"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, classDir, "lapse", "BentClock.class"), bentClock, 0o644); err != nil {
		return err
	}
	return clockFile.Begin(s.Nodes[i])
}

// clockFile is what the class reads.
var clockFile = wallclock.File{Text: func(offset time.Duration) string { return strconv.FormatInt(offset.Milliseconds(), 10) }}

// wallClock is that of node i, which tells whole milliseconds.
//
// Timestamps that a node gave out as a coordinator stay ahead for as long as its
// clock was: Cassandra never gives out a smaller one than before.
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
