package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	driver "go.etcd.io/etcd/client/v3"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/wire"
)

// client is one session: a connection with each node that it asked. It implements
// targets.Client and is for one goroutine at a time.
type client struct {
	*wire.Conns[*link]
	set    settings
	nodes  []access
	prefix string
	reader reader
	// gate is that of the session's home.
	gate  *gate
	locks locks
	// watchers are the session's watches, by what they watch; life ends with the
	// session.
	watchers map[history.Key]*watcher
	life     context.Context
	end      context.CancelFunc
	// spent says that the session is of no further use whatever the connections are.
	spent bool
	// sending says that a request of the operation under way may have changed
	// something; what came before it only read.
	sending bool
}

var _ targets.Client = (*client)(nil)

func newClient(set settings, nodes []access, prefix string, g *gate, session targets.Session) *client {
	set.serializable = set.serializable || session.Replica
	c := &client{
		set: set, nodes: mortal(nodes, session.Life), prefix: prefix, Conns: wire.NewConns(len(nodes), (*link).close), reader: reader{session.Text}, gate: g,
		watchers: map[history.Key]*watcher{},
	}
	c.life, c.end = context.WithCancel(context.Background())
	g.count(1)
	return c
}

// mortal are the nodes as somebody with this life reaches them.
func mortal(nodes []access, life *wire.Life) []access {
	out := slices.Clone(nodes)
	for i := range out {
		out[i].Life = life
	}
	return out
}

// Do implements targets.Client: the node at is asked, and no other.
func (c *client) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	l, err := c.link(at)
	if err != nil {
		return c.result(at, false, err)
	}
	if err := c.gate.pass(ctx); err != nil {
		return c.result(-1, false, err)
	}
	before := l.dialer.Sent()
	c.sending = false
	err = c.carryOut(ctx, l, at, txn)
	res := c.result(at, c.sending && l.dialer.Sent() != before, l.plain(err))
	res.Broken = res.Broken || c.spent
	if res.Broken && res.Outcome == history.Fail && txn.Mops[0].Func == history.Release {
		res.Outcome = history.Info // its session ends, and so its lease runs out
	}
	return res
}

func (c *client) result(at int, sent bool, err error) targets.Result {
	res := errorTable.Result(at, outcome.Operation{Writes: sent, Sent: sent}, err)
	res.Note = served(err)
	return res
}

// served returns the note of a request that the database refused for what it read: what is there
// was in the way, which is no downtime.
func served(err error) string {
	var condition *conditionError
	switch {
	case errors.Is(err, errConflict):
		return history.NoteAborted
	case errors.As(err, &condition):
		return history.NoteRefused
	}
	return ""
}

func (c *client) carryOut(ctx context.Context, l *link, at int, txn *history.Txn) error {
	if len(txn.Mops) == 1 {
		switch m := &txn.Mops[0]; m.Func {
		case history.Add, history.Remove, history.ReadSet:
			switch {
			case c.set.sets == setsKeys:
				return c.elements(ctx, l, txn)
			case m.Func != history.ReadSet:
				return c.underLock(ctx, l, txn)
			}
		case history.Acquire:
			return c.acquire(ctx, l, txn)
		case history.Release:
			return c.release(ctx, l, txn)
		case history.Send:
			return c.send(ctx, l, txn)
		case history.Poll:
			return c.poll(ctx, at, txn)
		case history.Generate:
			return c.generate(ctx, l, txn)
		case history.Enqueue, history.Dequeue:
			return c.queue(ctx, l, txn)
		case history.CAS:
			if c.set.compare == compareValue && m.Arg != history.Absent {
				return c.compareValue(ctx, l, txn)
			}
		}
	}
	return c.transaction(ctx, l, txn)
}

// transaction reads what txn needs at one revision, works out what it writes, and
// writes that if nothing has changed.
func (c *client) transaction(ctx context.Context, l *link, txn *history.Txn) error {
	v := view{prefix: c.prefix}
	writes, reads, err := v.survey(txn)
	if err != nil {
		return err
	}
	if reads {
		// What a write is worked out from is read linearizably whatever the level: a
		// compare-and-set that is refused tells what is there.
		if err := v.fill(ctx, l, c.set.serializable && !writes); err != nil {
			return err
		}
	}
	if err := v.apply(txn, c.reader); err != nil || !writes {
		return err
	}
	c.sending = true
	revision, err := v.commit(ctx, l)
	if err != nil {
		return err
	}
	for _, cell := range v.cells {
		for _, i := range cell.writers {
			txn.SetVersion(i, revision)
		}
	}
	return nil
}

// compareValue is a compare-and-set in one request, which tells what is there if it is
// not what it should be.
func (c *client) compareValue(ctx context.Context, l *link, txn *history.Txn) error {
	m := &txn.Mops[0]
	name := c.prefix + kindValue + m.Key.String()
	condition := driver.Compare(driver.Value(name), "=", number(m.Expect))
	if m.Expect == history.Absent {
		condition = driver.Compare(driver.CreateRevision(name), "=", 0)
	}
	c.sending = true
	done, err := l.Txn(ctx).If(condition).Then(driver.OpPut(name, number(m.Arg))).Else(driver.OpGet(name)).Commit()
	if err != nil {
		return err
	}
	if done.Succeeded {
		txn.SetVersion(0, done.Header.Revision)
		return nil
	}
	v := view{prefix: c.prefix}
	cell := v.at(kindValue, m.Key)
	cell.see((*driver.GetResponse)(done.Responses[0].GetResponseRange()))
	if err := v.apply(txn, c.reader); !errors.Is(err, errMismatch) {
		return fmt.Errorf("a compare-and-set was refused although the key holds %q", cell.raw)
	}
	return errMismatch
}

// generate returns the revision of a write, which no other write has.
func (c *client) generate(ctx context.Context, l *link, txn *history.Txn) error {
	c.sending = true
	done, err := l.Put(ctx, c.prefix+kindUnique+txn.Mops[0].Key.String(), "")
	if err != nil {
		return err
	}
	txn.SetRead(0, history.Value(done.Header.Revision))
	return nil
}

// queue: an element is a key, and the first one is the oldest. What another session
// took in between was not taken here, so that the next one is tried.
func (c *client) queue(ctx context.Context, l *link, txn *history.Txn) error {
	m := &txn.Mops[0]
	name := c.prefix + kindQueue + m.Key.String()
	if m.Func == history.Enqueue {
		c.sending = true
		_, err := l.Put(ctx, name+element(m.Arg), number(m.Arg))
		return err
	}
	for {
		c.sending = false
		got, err := l.Get(ctx, name+"/", driver.WithPrefix(), driver.WithSort(driver.SortByCreateRevision, driver.SortAscend), driver.WithLimit(1))
		if err != nil {
			return err
		}
		if len(got.Kvs) == 0 {
			txn.SetRead(0, history.Absent)
			return nil
		}
		first := got.Kvs[0]
		c.sending = true
		done, err := l.Txn(ctx).If(driver.Compare(driver.CreateRevision(string(first.Key)), "=", first.CreateRevision)).Then(driver.OpDelete(string(first.Key))).Commit()
		if err != nil {
			return err
		}
		if done.Succeeded {
			txn.SetRead(0, c.reader.value(string(first.Value)))
			return nil
		}
	}
}

// elements: an element is a key.
func (c *client) elements(ctx context.Context, l *link, txn *history.Txn) error {
	m := &txn.Mops[0]
	name := c.prefix + kindSet + m.Key.String()
	var err error
	switch m.Func {
	case history.Add:
		c.sending = true
		_, err = l.Put(ctx, name+element(m.Arg), number(m.Arg))
	case history.Remove:
		c.sending = true
		_, err = l.Delete(ctx, name+element(m.Arg))
	default:
		opts := []driver.OpOption{driver.WithPrefix()}
		if c.set.serializable {
			opts = append(opts, driver.WithSerializable())
		}
		var got *driver.GetResponse
		if got, err = l.Get(ctx, name+"/", opts...); err != nil {
			return err
		}
		list := make([]history.Value, len(got.Kvs))
		for i, kv := range got.Kvs {
			list[i] = c.reader.value(string(kv.Value))
		}
		txn.SetList(0, list)
	}
	return err
}

// link is the session's connection with a node, which is made when it is first asked.
func (c *client) link(node int) (*link, error) {
	return c.To(node, func() (*link, error) { return newLink(c.nodes[node], true) })
}

// Close implements targets.Client.
func (c *client) Close() error {
	select {
	case <-c.life.Done():
		return nil // it is closed
	default:
	}
	c.locks.end()
	c.end()
	c.gate.count(-1)
	for _, w := range c.watchers {
		w.link.close()
	}
	return c.Conns.Close()
}
