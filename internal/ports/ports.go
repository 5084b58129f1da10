// Package ports finds ports of loopback (127.0.0.1) on which servers can listen, again and again: to listen on port 0 and close is a race, as anybody's
// connection or listener may get the port before the server does, or while it is down.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Nodes' ports are taken from below what the systems use for outgoing
// connections (Linux: from 32768, macOS: from 49152), so that no connection
// happens to have one.
const (
	lowestPort  = 20000
	highestPort = 31999
)

// Reserve finds a port that is free and keeps it for a server as far as the system lets us, until Release. It may be called concurrently, and by
// several processes.
func Reserve() (*Reservation, error) {
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

// Port is the number of the port.
func (r *Reservation) Port() int { return r.port }

// Addr is the address on which a server is to listen, 127.0.0.1:port.
func (r *Reservation) Addr() string { return addr(r.port) }

func addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

var errInUse = errors.New("in use")

func inUse(err error) bool { return errors.Is(err, errInUse) }
