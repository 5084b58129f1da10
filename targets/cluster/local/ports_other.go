//go:build !linux

package local

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// reservation is a port that was free when it was looked at: to keep it would
// keep the node's process from it, too.
type reservation struct{ port int }

func hold(port int) (*reservation, error) {
	l, err := net.Listen("tcp", hostPort(port))
	if errors.Is(err, syscall.EADDRINUSE) {
		err = errInUse
	}
	if err != nil {
		return nil, fmt.Errorf("port %d: %w", port, err)
	}
	return &reservation{port}, l.Close()
}

func (r *reservation) release() {}
