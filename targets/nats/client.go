package nats

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/contents"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/wire"
)

// client is one session: a connection with each node that it asked. It implements
// targets.Client and is for one goroutine at a time.
type client struct {
	*store
	*wire.Conns[*link]
	reader contents.Reader
	life   *wire.Life
}

var _ targets.Client = (*client)(nil)

// Do implements targets.Client: the node at passes it on to whoever serves it.
func (c *client) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	writes := txn.Mops[0].Func.Writes()
	sent := func() int64 { return 0 }
	l, err := c.link(ctx, at)
	if err == nil {
		before := l.dialer.Sent()
		sent = func() int64 {
			// What is in the driver's buffer must not leave after it was judged.
			l.dialer.Seal()
			return l.dialer.Sent() - before
		}
		err = c.carryOut(ctx, l, txn)
	}
	if err == nil {
		return targets.Result{Outcome: history.OK, Node: at}
	}
	writes = writes && !unread(err)
	res := errorTable.Result(at, outcome.Operation{Writes: writes, Sent: true}, err)
	if res.Broken {
		res = errorTable.Result(at, outcome.Operation{Writes: writes, Sent: sent() > 0}, err)
	}
	res.Note = served(err)
	return res
}

// link is the session's connection with a node.
func (c *client) link(ctx context.Context, at int) (*link, error) {
	return c.To(at, func() (*link, error) {
		to := c.nodes[at]
		to.Life = c.life
		return connect(ctx, to, c.bucket, c.timeout)
	})
}

func (c *client) carryOut(ctx context.Context, l *link, txn *history.Txn) error {
	m := &txn.Mops[0]
	on := c.subject(string(contents.KindOf(m.Func)), m.Key.String())
	switch m.Func {
	case history.Write, history.Delete:
		var data []byte
		if m.Func == history.Write {
			if m.Arg == history.Absent {
				return errNothing
			}
			data = number(m.Arg)
		}
		seq, err := l.put(ctx, on, data, nil)
		if err == nil {
			txn.SetVersion(0, int64(seq))
		}
		return err
	case history.Read, history.ReadList, history.ReadSet, history.ReadCounter:
		return c.read(ctx, l, on, txn)
	}
	return c.change(ctx, l, on, txn)
}

func (c *client) read(ctx context.Context, l *link, on string, txn *history.Txn) error {
	get := l.get
	if c.direct {
		get = l.direct
	}
	e, err := get(ctx, on)
	if err != nil {
		return err
	}
	if e.seq > 0 {
		txn.SetVersion(0, int64(e.seq))
	}
	return contents.See(txn, 0, e.data, c.value, func(data []byte) ([]history.Value, error) {
		return contents.Each(strings.Fields(string(data)), c.reader.Parse)
	})
}

// change reads a key from the leader and writes it if it is still what was read. What
// was read may be old: then the write is refused, or the condition of a
// compare-and-set is false of a value that was there earlier, which says nothing of
// now.
func (c *client) change(ctx context.Context, l *link, on string, txn *history.Txn) error {
	e, err := l.get(ctx, on)
	if err != nil {
		return &unreadError{err}
	}
	data, err := changed(&txn.Mops[0], e.data)
	if err != nil {
		return err
	}
	seq, err := l.put(ctx, on, data, &e.seq)
	if err == nil {
		txn.SetVersion(0, int64(seq))
	}
	return err
}

// changed returns a key's content after m.
func changed(m *history.Mop, data []byte) ([]byte, error) {
	words := strings.Fields(string(data))
	arg := string(number(m.Arg))
	switch m.Func {
	case history.CAS:
		if m.Arg == history.Absent {
			return nil, errNothing
		}
		if (m.Expect == history.Absent) != (data == nil) || data != nil && string(data) != string(number(m.Expect)) {
			return nil, errMismatch
		}
		return []byte(arg), nil
	case history.Append:
		words = append(words, arg)
	case history.Add:
		if !slices.Contains(words, arg) {
			words = append(words, arg)
		}
	case history.Remove:
		words = slices.DeleteFunc(words, func(w string) bool { return w == arg })
	case history.Increment:
		sum := int64(m.Arg)
		if len(words) > 0 {
			n, err := strconv.ParseInt(words[0], 10, 64)
			if err != nil {
				return nil, errMismatch
			}
			sum += n
		}
		words = []string{strconv.FormatInt(sum, 10)}
	default:
		return nil, fmt.Errorf("nats has no %v", m.Func)
	}
	return []byte(strings.Join(words, " ")), nil
}

func number(v history.Value) []byte { return strconv.AppendInt(nil, int64(v), 10) }

// value is what a message has; none, or one of a deletion, is nil.
func (c *client) value(data []byte) (history.Value, error) {
	if data == nil {
		return history.Absent, nil
	}
	return c.reader.Parse(string(data))
}
