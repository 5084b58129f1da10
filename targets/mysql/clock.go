package mysql

import (
	"context"
	"strconv"
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
			text, err := c.text(ctx, `SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS INTEGER)`)
			answered = time.Now()
			if err != nil {
				return err
			}
			micros, err := strconv.ParseInt(text, 10, 64)
			theirs = time.UnixMicro(micros)
			return err
		})
		return theirs, asked, answered, err
	}}
}
