package cassandra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome/outcometest"
)

// requestError is an answer of Cassandra that gocql has no type of its own for.
type requestError struct {
	code int
}

func (e requestError) Code() int       { return e.code }
func (e requestError) Message() string { return "said so" }
func (e requestError) Error() string   { return "said so" }

// TestClassify has a row for every error of the native protocol and for every way
// to lose a connection: what becomes of a read, of a write and of a lightweight
// transaction that meets it. A read is always fail.
func TestClassify(t *testing.T) {
	const fail, info = history.Fail, history.Info
	serial, localSerial := gocql.Consistency(gocql.Serial), gocql.Consistency(gocql.LocalSerial)
	writeTimeout := func(kind string) error {
		return &gocql.RequestErrWriteTimeout{Consistency: gocql.Quorum, Received: 1, BlockFor: 2, WriteType: kind}
	}
	writeFailure := func(kind string) error {
		return &gocql.RequestErrWriteFailure{Consistency: gocql.Quorum, NumFailures: 1, WriteType: kind}
	}
	reset := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	plain, lightweight := outcometest.New(t, plainTable), outcometest.New(t, lightweightTable)
	for _, c := range []struct {
		name               string
		err                error
		write, conditional history.Outcome
		broken             bool
	}{
		{"unavailable at the level of the write", &gocql.RequestErrUnavailable{Consistency: gocql.Quorum, Required: 2, Alive: 1}, fail, info, false},
		{"unavailable at SERIAL", &gocql.RequestErrUnavailable{Consistency: serial, Required: 2, Alive: 1}, fail, fail, false},
		{"unavailable at LOCAL_SERIAL", &gocql.RequestErrUnavailable{Consistency: localSerial, Required: 2, Alive: 1}, fail, fail, false},
		{"write timeout SIMPLE", writeTimeout("SIMPLE"), info, info, false},
		{"write timeout BATCH", writeTimeout("BATCH"), info, info, false},
		{"write timeout UNLOGGED_BATCH", writeTimeout("UNLOGGED_BATCH"), info, info, false},
		{"write timeout COUNTER", writeTimeout("COUNTER"), info, info, false},
		{"write timeout BATCH_LOG", writeTimeout("BATCH_LOG"), info, info, false},
		{"write timeout CAS", writeTimeout("CAS"), info, info, false},
		{"write timeout VIEW", writeTimeout("VIEW"), info, info, false},
		{"write timeout CDC", writeTimeout("CDC"), info, info, false},
		{"write failure SIMPLE", writeFailure("SIMPLE"), info, info, false},
		{"write failure CAS", writeFailure("CAS"), info, info, false},
		{"CAS write unknown", &gocql.RequestErrCASWriteUnknown{Consistency: serial, Received: 1, BlockFor: 2}, info, info, false},
		{"CDC write failure", &gocql.RequestErrCDCWriteFailure{}, info, info, false},
		{"read timeout", &gocql.RequestErrReadTimeout{Consistency: gocql.Quorum}, info, info, false},
		{"read failure", &gocql.RequestErrReadFailure{Consistency: gocql.Quorum}, info, info, false},
		{"function failure", &gocql.RequestErrFunctionFailure{}, info, info, false},
		{"server error", requestError{gocql.ErrCodeServer}, info, info, false},
		{"protocol error", requestError{gocql.ErrCodeProtocol}, info, info, false},
		{"overloaded", requestError{gocql.ErrCodeOverloaded}, info, info, false},
		{"truncate error", requestError{gocql.ErrCodeTruncate}, info, info, false},
		{"is bootstrapping", requestError{gocql.ErrCodeBootstrapping}, fail, fail, false},
		{"bad credentials", requestError{gocql.ErrCodeCredentials}, fail, fail, false},
		{"syntax error", requestError{gocql.ErrCodeSyntax}, fail, fail, false},
		{"unauthorized", requestError{gocql.ErrCodeUnauthorized}, fail, fail, false},
		{"invalid", requestError{gocql.ErrCodeInvalid}, fail, fail, false},
		{"config error", requestError{gocql.ErrCodeConfig}, fail, fail, false},
		{"unprepared", requestError{gocql.ErrCodeUnprepared}, fail, fail, false},
		{"unknown code", requestError{0x7777}, info, info, false},
		{"deadline", context.DeadlineExceeded, info, info, true},
		{"cancelled", context.Canceled, info, info, true},
		{"driver's timeout", gocql.ErrTimeoutNoResponse, info, info, true},
		{"connection closed", gocql.ErrConnectionClosed, info, info, true},
		{"no connection", gocql.ErrNoConnections, info, info, true},
		{"end of file", io.EOF, info, info, true},
		{"connection reset", reset, info, info, true},
		{"answer not understood", gocql.NewErrProtocol("strange"), info, info, true},
	} {
		plain.Is(c.name, c.err, c.write, c.broken, "")
		lightweight.Is(c.name, c.err, c.conditional, c.broken, "")
	}
	if broken(nil) {
		t.Error("success breaks a connection")
	}
	if !errors.Is(fmt.Errorf("%w, although it always holds", errNotApplied), errNotApplied) {
		t.Error("not applied is not recognised")
	}
}
