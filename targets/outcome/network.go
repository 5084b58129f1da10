package outcome

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/wire"
)

// Network are the rows for what happens to connections, whatever the database. They
// come last. All of them are info for a write of which a byte was sent; a refused
// connection, over which nothing can be sent, is judged by that.
func Network() Table {
	return Table{
		lost("connection refused", is(syscall.ECONNREFUSED)),
		lost("connection reset", is(syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED)),
		lost("no route to the node", is(syscall.EHOSTUNREACH, syscall.ENETUNREACH)),
		lost("no such host", as[*net.DNSError]),
		lost("deadline exceeded", deadline),
		lost("canceled", is(context.Canceled)),
		lost("connection closed", closed),
	}
}

func lost(name string, match func(error) bool) Row {
	return Row{Name: name, Match: match, Outcome: history.Info}
}

// Is matches an error that wraps one of these.
func Is(targets ...error) func(error) bool { return is(targets...) }

func is[E error](targets ...E) func(error) bool {
	return func(err error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
}

func as[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// As matches an error that wraps one of type E for which ok holds.
func As[E error](ok func(E) bool) func(error) bool {
	return func(err error) bool {
		var e E
		return errors.As(err, &e) && ok(e)
	}
}

// Says matches an error whose text contains one of these, whatever their case: for
// drivers that have no types for their errors, and for nothing else.
func Says(parts ...string) func(error) bool {
	return func(err error) bool {
		text := strings.ToLower(err.Error())
		for _, p := range parts {
			if strings.Contains(text, strings.ToLower(p)) {
				return true
			}
		}
		return false
	}
}

func deadline(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, wire.ErrSealed)
}
