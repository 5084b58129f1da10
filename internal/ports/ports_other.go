//go:build !linux

package ports

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Reservation is a port that was free when it was looked at: to keep it would
// keep the node's process from it, too.
type Reservation struct{ port int }

func hold(port int) (*Reservation, error) {
	l, err := net.Listen("tcp", addr(port))
	if errors.Is(err, syscall.EADDRINUSE) {
		err = errInUse
	}
	if err != nil {
		return nil, fmt.Errorf("port %d: %w", port, err)
	}
	return &Reservation{port}, l.Close()
}

// Release gives the port up. It is called once.
func (r *Reservation) Release() {}
