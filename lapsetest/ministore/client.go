package ministore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// client is one session. It does not retry and does not reconnect: what happens
// behind the back of the one who records it makes a history worthless.
type client struct {
	conn    net.Conn
	answers *bufio.Reader
	session targets.Session
}

func dial(ctx context.Context, address string, session targets.Session) (*client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, answers: bufio.NewReader(conn), session: session}, nil
}

// Do carries out one operation.
func (c *client) Do(ctx context.Context, _ int, txn *history.Txn) targets.Result {
	op := &txn.Mops[0]
	request := "get " + key(op.Key)
	if op.Func == history.Write {
		request = fmt.Sprintf("set %s %d", key(op.Key), op.Arg)
	}
	answer, err := c.ask(ctx, request)
	switch {
	case err != nil && op.Func == history.Write:
		// It was sent, perhaps: the write may have happened, or may yet.
		return targets.Result{Outcome: history.Info, Err: err, Broken: true}
	case err != nil:
		return targets.Result{Outcome: history.Fail, Err: err, Broken: true}
	case op.Func == history.Write && answer == "done":
		return targets.Result{Outcome: history.OK}
	case op.Func == history.Read && answer == "nothing":
		txn.SetRead(0, history.Absent)
		return targets.Result{Outcome: history.OK}
	case op.Func == history.Read && strings.HasPrefix(answer, "value "):
		txn.SetRead(0, c.value(strings.TrimPrefix(answer, "value ")))
		return targets.Result{Outcome: history.OK}
	}
	return targets.Result{Outcome: history.Info, Err: errors.New(answer), Broken: true}
}

// value is what was read. What nobody can have written is kept as it is, for the
// checkers to wonder about.
func (c *client) value(text string) history.Value {
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		return history.Value(v)
	}
	return c.session.Text(text)
}

// ask returns at the deadline of ctx at the latest.
func (c *client) ask(ctx context.Context, request string) (string, error) {
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.conn.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	if _, err := fmt.Fprintln(c.conn, request); err != nil {
		return "", err
	}
	answer, err := c.answers.ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}

func (c *client) Close() error { return c.conn.Close() }
