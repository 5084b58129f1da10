package outcome_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/outcome/outcometest"
	"github.com/lapse-test/lapse/targets/wire"
)

type coded struct{ code int }

func (c *coded) Error() string { return fmt.Sprint("code ", c.code) }

func TestTable(t *testing.T) {
	errFalse := errors.New("the condition is false")
	table := append(outcome.Table{
		{Name: "condition false", Match: outcome.Is(errFalse), Outcome: history.Fail, Answered: true},
		{Match: outcome.As(func(c *coded) bool { return c.code < 10 }), Outcome: history.Fail, Answered: true, Text: func(err error) string {
			var c *coded
			errors.As(err, &c)
			return c.Error()
		}},
		{Name: "overloaded", Match: outcome.Says("TRY AGAIN"), Outcome: history.Info, Answered: true},
	}, outcome.Network()...)
	c := outcometest.New(t, table)
	c.Is("own", errFalse, history.Fail, outcometest.Kept, "condition false")
	c.Is("by type", &coded{3}, history.Fail, outcometest.Kept, "code 3")
	c.Is("another of the type", &coded{30}, history.Info, outcometest.Broken, outcome.Unknown)
	c.Is("by text", errors.New("please try again"), history.Info, outcometest.Kept, "overloaded")
	c.Is("refused", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, history.Info, outcometest.Broken, "connection refused")
	c.Is("reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, history.Info, outcometest.Broken, "connection reset")
	c.Is("pipe", syscall.EPIPE, history.Info, outcometest.Broken, "connection reset")
	c.Is("route", &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, history.Info, outcometest.Broken, "no route to the node")
	c.Is("name", &net.DNSError{Err: "no such host", Name: "db1"}, history.Info, outcometest.Broken, "no such host")
	c.Is("deadline", context.DeadlineExceeded, history.Info, outcometest.Broken, "deadline exceeded")
	c.Is("timeout", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, history.Info, outcometest.Broken, "deadline exceeded")
	c.Is("cancelled", context.Canceled, history.Info, outcometest.Broken, "canceled")
	c.Is("end", io.ErrUnexpectedEOF, history.Info, outcometest.Broken, "connection closed")
	c.Is("sealed", wire.ErrSealed, history.Info, outcometest.Broken, "connection closed")
	c.Is("other", &net.OpError{Op: "read", Err: syscall.EBADMSG}, history.Info, outcometest.Broken, outcome.Unknown)
	c.Is("nothing known", errors.New("what"), history.Info, outcometest.Broken, outcome.Unknown)
	for err, want := range map[error]bool{errFalse: true, &coded{3}: true, &coded{30}: false, io.ErrUnexpectedEOF: false, nil: false} {
		if table.Undone(err) != want {
			t.Errorf("%v: undone is %v, want %v", err, !want, want)
		}
	}
	if err := table.Explain(nil); err != nil {
		t.Errorf("nothing is explained as %v", err)
	}
	if !errors.Is(table.Explain(errFalse), errFalse) {
		t.Error("what really happened is lost")
	}
}
