package postgres

import (
	"context"
	"time"

	"github.com/lapse-test/lapse/targets/wallclock"
)

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
