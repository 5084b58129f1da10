package postgres

import (
	"context"
	"time"

	"github.com/lapse-test/lapse/targets/wallclock"
)

// BendClock implements ability.ClockBender, to the millisecond. It returns when the
// server's own answer to what time it is has moved.
func (s *System) BendClock(ctx context.Context, node string, offset time.Duration) (time.Duration, error) {
	i, err := s.Index(node)
	if err != nil {
		return 0, err
	}
	return s.clocks.Bend(ctx, s.Nodes[i], offset, s.wallClock(i))
}

// StepClock implements ability.ClockBender.
func (s *System) StepClock(_ context.Context, node string, offset time.Duration) error {
	i, err := s.Index(node)
	if err != nil {
		return err
	}
	return s.clocks.Step(s.Nodes[i], offset)
}

// ReadClock implements ability.ClockBender.
func (s *System) ReadClock(ctx context.Context, node string) (time.Duration, error) {
	i, err := s.Index(node)
	if err != nil {
		return 0, err
	}
	return s.wallClock(i).Read(ctx)
}

// wallClock is that of node i, as its server tells it.
func (s *System) wallClock(i int) wallclock.Clock {
	return wallclock.Clock{Grain: time.Microsecond, Ask: func(ctx context.Context) (theirs, asked, answered time.Time, err error) {
		if err := s.Alive(i); err != nil {
			return theirs, asked, answered, err
		}
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		err = s.admin(ctx, i, func(c *conn) error {
			asked = time.Now()
			err := c.pg.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&theirs)
			answered = time.Now()
			return err
		})
		return theirs, asked, answered, err
	}}
}
