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

// client is one session, with a connection to each node. It does not retry and does not
// reconnect: what happens behind the back of the one who records it makes a history
// worthless.
type client struct {
	nodes   []*line
	level   string
	session targets.Session
}

// Do carries out one operation: writes by the primary, reads by the node that the level
// calls for.
func (c *client) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	op := &txn.Mops[0]
	request, node := "get "+key(op.Key), at // a session that does not roam is always at its Home
	if op.Func == history.Write {
		request = fmt.Sprintf("set %s %d", key(op.Key), op.Arg)
	}
	if op.Func == history.Write || c.level == "primary" {
		node = primary
	}
	answer, err := c.nodes[node].ask(ctx, request)
	result := targets.Result{Outcome: history.OK, Node: node}
	switch {
	case err != nil && op.Func == history.Write:
		// It was sent, perhaps: the write may have happened, or may yet.
		result = targets.Result{Outcome: history.Info, Err: err, Broken: true, Node: node}
	case err != nil:
		result = targets.Result{Outcome: history.Fail, Err: err, Broken: true, Node: node}
	case op.Func == history.Write && answer == "done":
	case op.Func == history.Write && answer == "not the primary":
		result = targets.Result{Outcome: history.Fail, Err: errors.New(answer), Node: node}
	case op.Func == history.Read && answer == "nothing":
		txn.SetRead(0, history.Absent)
	case op.Func == history.Read && strings.HasPrefix(answer, "value "):
		txn.SetRead(0, c.value(strings.TrimPrefix(answer, "value ")))
	default:
		result = targets.Result{Outcome: history.Info, Err: errors.New(answer), Broken: true, Node: node}
	}
	return result
}

// value is what was read. What nobody can have written is kept as it is, for the
// checkers to wonder about.
func (c *client) value(text string) history.Value {
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		return history.Value(v)
	}
	return c.session.Text(text)
}

// Close closes the connections.
func (c *client) Close() error {
	var errs []error
	for _, n := range c.nodes {
		if n.conn != nil {
			errs = append(errs, n.conn.Close())
		}
	}
	return errors.Join(errs...)
}

// line is a connection to one node, made when it is first used.
type line struct {
	address string
	conn    net.Conn
	answers *bufio.Reader
}

// ask returns at the deadline of ctx at the latest.
func (l *line) ask(ctx context.Context, request string) (string, error) {
	if l.conn == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.address)
		if err != nil {
			return "", err
		}
		l.conn, l.answers = conn, bufio.NewReader(conn)
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := l.conn.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	if _, err := fmt.Fprintln(l.conn, request); err != nil {
		return "", err
	}
	answer, err := l.answers.ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}
