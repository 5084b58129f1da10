package cassandra

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/history"
)

// kind is what matters of an operation when it meets an error.
type kind int

const (
	// reading operations write nothing.
	reading kind = iota
	// writing operations are plain ones.
	writing
	// conditionally writing operations are lightweight transactions.
	conditional
)

// classify says whether an operation that met err certainly has no effect (fail)
// or may have one, now or later (info). sent says whether any byte of its request
// was handed to the kernel.
//
// Cassandra's own words for errors are those of the native protocol, version 4,
// section 9. A write is fail only if its coordinator refused it before it sent a
// mutation to any replica:
//
//   - Unavailable, which a coordinator says after it has counted the live
//     replicas and before it writes. But a lightweight transaction counts again
//     when its Paxos rounds are done and it commits at its second level, which is
//     then the level in the error: what was accepted may yet be committed by
//     whoever comes next.
//   - a node that is still joining the ring (Is_bootstrapping), a request that was
//     refused as such: Syntax_error, Unauthorized, Invalid, Config_error,
//     authentication, and Unprepared.
//
// Overloaded is not among them: a coordinator also says it in the middle of a
// write, when it has too many hints in flight. Nor is a failure or a timeout of
// any write type: the replicas that did not answer in time may still write, and a
// hint may make them.
func classify(k kind, sent bool, err error) history.Outcome {
	if k == reading || !sent {
		return history.Fail
	}
	var unavailable *gocql.RequestErrUnavailable
	if errors.As(err, &unavailable) {
		if k == conditional && !isSerial(unavailable.Consistency) {
			return history.Info
		}
		return history.Fail
	}
	var request gocql.RequestError
	if errors.As(err, &request) {
		switch request.Code() {
		case gocql.ErrCodeBootstrapping, gocql.ErrCodeSyntax, gocql.ErrCodeUnauthorized,
			gocql.ErrCodeInvalid, gocql.ErrCodeConfig, gocql.ErrCodeCredentials, gocql.ErrCodeUnprepared:
			return history.Fail
		}
	}
	return history.Info
}

func isSerial(c gocql.Consistency) bool {
	return c == gocql.Consistency(gocql.Serial) || c == gocql.Consistency(gocql.LocalSerial)
}

// broken says whether a connection that ended an operation with err is of no
// further use: always, unless it was Cassandra itself that answered. After a
// deadline the answer may still come, and nobody waits for it.
func broken(err error) bool {
	var request gocql.RequestError
	return err != nil && !errors.As(err, &request)
}

// errNotApplied: the condition of a lightweight transaction was false.
var errNotApplied = errors.New("the condition is false: not applied")

// What is said of errors that gocql words in many ways, or with addresses: errors
// of operations come from a small set.
var (
	errDeadline = errors.New("no answer before the deadline")
	errLost     = errors.New("connection lost")
	errRefused  = errors.New("connection refused")
)

// explain makes one of a small set of errors of err, unless Cassandra said it.
func explain(err error) error {
	var network *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errDeadline
	case errors.Is(err, syscall.ECONNREFUSED):
		return errRefused
	case errors.Is(err, gocql.ErrNoConnections), errors.Is(err, gocql.ErrConnectionClosed), errors.Is(err, io.EOF), errors.As(err, &network):
		return errLost
	}
	return err
}
