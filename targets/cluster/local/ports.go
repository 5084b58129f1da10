package local

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// Nodes' ports are taken from below what the systems use for outgoing
// connections (Linux: from 32768, macOS: from 49152), so that no connection
// happens to have one.
const (
	lowestPort  = 20000
	highestPort = 31999
)

// reserve finds a port that is free and keeps it as far as the system lets us.
func reserve() (*reservation, error) {
	const count = highestPort - lowestPort + 1
	first := rand.IntN(count) // no part of the plan: where processes run does not matter
	var last error
	for i := range count {
		r, err := hold(lowestPort + (first+i)%count)
		if err == nil {
			return r, nil
		}
		last = err
		if !inUse(err) {
			break
		}
	}
	return nil, fmt.Errorf("finding a free port from %d to %d: %w", lowestPort, highestPort, last)
}

func (r *reservation) addr() string { return hostPort(r.port) }

var errInUse = errors.New("in use")

func inUse(err error) bool { return errors.Is(err, errInUse) }
