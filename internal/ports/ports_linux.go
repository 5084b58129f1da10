package ports

import (
	"errors"
	"fmt"
	"syscall"
)

// Reservation keeps a port for a node's process: a socket that is bound to it but
// does not listen. Linux lets another socket bind to it and listen if both have
// SO_REUSEADDR, as servers do, and refuses whoever wants the port for itself, as
// hold does: so two runs never choose the same, however they race.
type Reservation struct {
	port int
	fd   int
}

func hold(port int) (*Reservation, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a socket: %w", err)
	}
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if errors.Is(err, syscall.EADDRINUSE) {
		err = errInUse
	}
	if err == nil {
		// Only now: before, it would let us bind beside another reservation.
		err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("port %d: %w", port, err)
	}
	return &Reservation{port, fd}, nil
}

// Release gives the port up. It is called once.
func (r *Reservation) Release() { _ = syscall.Close(r.fd) }
