package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// In the sandbox there is no network but that of the nodes, and every process ends with it.
// What happens outside is therefore asked of the process that entered the sandbox, over a
// socket between the two: one message at a time, and its answer.

// Pair is a socket whose one end is for Serve, and whose other, a file, for a process that
// was given it, by FileConn and Through.
func Pair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making a pair of sockets: %w", err)
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	one, other := os.NewFile(uintptr(fds[0]), "alerts"), os.NewFile(uintptr(fds[1]), "alerts")
	conn, err := net.FileConn(one)
	_ = one.Close() // conn has its own
	if err != nil {
		_ = other.Close()
		return nil, nil, fmt.Errorf("making a pair of sockets: %w", err)
	}
	return conn, other, nil
}

type answer struct {
	Error string `json:"error,omitempty"`
}

// Serve delivers what comes over conn, until that is closed; ctx ends what is being
// delivered.
func Serve(ctx context.Context, conn net.Conn, deliver Deliver) {
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	for {
		var m Message
		if in.Decode(&m) != nil {
			return // the other side is gone
		}
		var a answer
		within, cancel := context.WithTimeout(ctx, timeout)
		if err := deliver(within, m); err != nil {
			a.Error = err.Error()
		}
		cancel()
		if out.Encode(a) != nil {
			return
		}
	}
}

// Through delivers through whoever serves at the other end of conn. It is safe for
// concurrent use.
func Through(conn net.Conn) Deliver {
	var mu sync.Mutex
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	return func(ctx context.Context, m Message) error {
		mu.Lock()
		defer mu.Unlock()
		// The other side ends in time by itself; its answer is waited for, so that no
		// later message takes it for its own.
		if err := conn.SetDeadline(time.Now().Add(timeout + 2*endTimeout)); err != nil {
			return fmt.Errorf("telling it outside of the sandbox: %w", err)
		}
		var a answer
		err := out.Encode(m)
		if err == nil {
			err = in.Decode(&a)
		}
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("telling it outside of the sandbox: nobody is there")
		case err != nil:
			return fmt.Errorf("telling it outside of the sandbox: %w", err)
		case a.Error != "":
			return errors.New(a.Error)
		}
		return ctx.Err()
	}
}
