package postgres

import (
	"time"

	"github.com/lapse-test/lapse/targets"
)

// carried is what a session carries from one operation to the next besides its connections.
type carried struct {
	// lastWrite is the time at which the session's own last write was acknowledged, for read
	// level sticky.
	lastWrite time.Time
	// token is a position in the log that is not before the session's own last
	// commit, 0 before the first; for read level wait-for-lsn.
	token lsn
}

// carries says which of it the read level goes by, in words; empty for none.
func (s settings) carries() string {
	switch s.read {
	case readWaitForLSN:
		return "the LSN of its last write"
	case readSticky:
		return "the time of its last write"
	}
	return ""
}

// Carry implements targets.Heir.
func (c *client) Carry() targets.Carried {
	out := targets.Carried{LastWrite: c.lastWrite}
	if c.token != 0 {
		out.Token = c.token.String()
	}
	return out
}

// take goes on with what the client before carried.
func (c *client) take(from targets.Carried) (err error) {
	c.lastWrite = from.LastWrite
	c.token, err = parseLSN(from.Token)
	return err
}
