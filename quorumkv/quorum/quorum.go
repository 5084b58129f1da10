// Package quorum holds levels and the arithmetic of which sets of replicas must meet.
package quorum

import (
	"fmt"
	"strconv"
)

// Level is how many replicas must take part in a request, before the number of replicas is known.
// The zero Level is not valid; use ParseLevel or one of the constants.
type Level struct {
	name  string
	count int
}

// The levels that have names.
var (
	One    = Level{name: "ONE"}
	Quorum = Level{name: "QUORUM"}
	All    = Level{name: "ALL"}
)

// Exactly is the level of a fixed number of replicas.
func Exactly(n int) Level { return Level{count: n} }

// ParseLevel reads ONE, QUORUM, ALL or a number of replicas from 1 up.
func ParseLevel(s string) (Level, error) {
	switch s {
	case "ONE":
		return One, nil
	case "QUORUM":
		return Quorum, nil
	case "ALL":
		return All, nil
	}
	if n, err := strconv.ParseUint(s, 10, 16); err == nil && n >= 1 && s[0] != '0' {
		return Exactly(int(n)), nil
	}
	return Level{}, fmt.Errorf("level %q is not ONE, QUORUM, ALL or a number from 1 to the number of replicas", s)
}

// String spells the level as ParseLevel reads it.
func (l Level) String() string {
	if l.name != "" {
		return l.name
	}
	return strconv.Itoa(l.count)
}

// Count is how many of n replicas the level needs. A fixed number above n is an error.
func (l Level) Count(n int) (int, error) {
	switch l {
	case One:
		return 1, nil
	case Quorum:
		return Majority(n), nil
	case All:
		return n, nil
	}
	if l.count < 1 || l.count > n {
		return 0, fmt.Errorf("level %s cannot be served: a key has %d replicas", l, n)
	}
	return l.count, nil
}

// Majority is the smallest number of n replicas of which any two sets meet.
func Majority(n int) int { return n/2 + 1 }

// TimestampRead is how many of n replicas a write at level w must ask for their versions before it chooses a
// larger one. It meets every earlier write of the same level (n-w+1), and everything that a
// blocking read made a majority hold.
func TimestampRead(n, w int) int { return max(Majority(n), n-w+1) }

// WriteBack is how many of n replicas must hold a version before a blocking read at level r may
// return it: enough that every later read at level r meets one of them (n-r+1), and that every
// later write's timestamp read does (a majority, see TimestampRead).
func WriteBack(n, r int) int { return max(Majority(n), n-r+1) }
