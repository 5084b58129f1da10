package mysql

import (
	"time"

	"github.com/lapse-test/lapse/targets"
)

// carried is what a session carries from one operation to the next besides its connections.
type carried struct {
	// lastWrite is the time at which the session's own last write was acknowledged, for read level
	// sticky; gtid is its position, for wait-for-gtid.
	lastWrite time.Time
	gtid      string
}

// carries says which of it the read level goes by, in words; empty for none.
func (s settings) carries() string {
	switch {
	case s.galera:
		return ""
	case s.read == readGTID:
		return "the GTID of its last write"
	case s.read == readSticky:
		return "the time of its last write"
	}
	return ""
}

// Carry implements targets.Heir.
func (c *client) Carry() targets.Carried {
	return targets.Carried{LastWrite: c.lastWrite, Token: c.gtid}
}
