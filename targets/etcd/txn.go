package etcd

import (
	"context"
	"fmt"

	driver "go.etcd.io/etcd/client/v3"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// cell is one key as a transaction sees it.
type cell struct {
	name string
	// raw is its value, if it is there; revision that of its last change, 0 if it is
	// not there.
	raw      string
	there    bool
	revision int64
	// known: it was read; changed: the transaction is to write it.
	known, changed bool
	// writers are the micro-operations that write it.
	writers []int
}

// view is the keys of one transaction, in the order in which it names them.
type view struct {
	prefix string
	cells  []*cell
}

func (v *view) at(kind string, key history.Key) *cell {
	name := v.prefix + kind + key.String()
	for _, c := range v.cells {
		if c.name == name {
			return c
		}
	}
	c := &cell{name: name}
	v.cells = append(v.cells, c)
	return c
}

// blind says that a micro-operation needs nothing of what is there.
func blind(f history.Func) bool { return f == history.Write || f == history.Delete }

// survey names the keys of txn, and says whether it writes and whether it must read.
func (v *view) survey(txn *history.Txn) (writes, reads bool, err error) {
	for i := range txn.Mops {
		m := &txn.Mops[i]
		kind := kindOf(m.Func)
		if kind == "" || kind == kindSet && len(txn.Mops) > 1 {
			return false, false, outcome.Refuse("%v in a transaction of several", m.Func)
		}
		if (m.Func == history.Write || m.Func == history.CAS) && m.Arg == history.Absent {
			return false, false, errNothing
		}
		v.at(kind, m.Key)
		if m.Func == history.Transfer {
			v.at(kind, history.Key(m.Arg))
		}
		writes = writes || m.Func.Writes()
		reads = reads || !blind(m.Func)
	}
	return writes, reads, nil
}

var errNothing = outcome.Refuse("a write of nothing: use delete")

// fill reads all keys at one revision.
func (v *view) fill(ctx context.Context, l *link, serializable bool) error {
	var opts []driver.OpOption
	if serializable {
		opts = append(opts, driver.WithSerializable())
	}
	if len(v.cells) == 1 {
		got, err := l.Get(ctx, v.cells[0].name, opts...)
		if err != nil {
			return err
		}
		v.cells[0].see(got)
		return nil
	}
	gets := make([]driver.Op, len(v.cells))
	for i, c := range v.cells {
		gets[i] = driver.OpGet(c.name, opts...)
	}
	// A transaction of reads alone is serializable if all of them are.
	got, err := l.Txn(ctx).Then(gets...).Commit()
	if err != nil {
		return err
	}
	if len(got.Responses) != len(gets) {
		return fmt.Errorf("%d answers to %d reads", len(got.Responses), len(gets))
	}
	for i, c := range v.cells {
		c.see((*driver.GetResponse)(got.Responses[i].GetResponseRange()))
	}
	return nil
}

func (c *cell) see(got *driver.GetResponse) {
	c.known = true
	if len(got.Kvs) > 0 {
		kv := got.Kvs[0]
		c.raw, c.there, c.revision = string(kv.Value), true, kv.ModRevision
	}
}

func (c *cell) put(raw string) { c.raw, c.there, c.changed = raw, true, true }

// apply carries out the micro-operations on the view, one after the other, and fills
// in what they saw. A conditionError says that a condition was false.
func (v *view) apply(txn *history.Txn, r reader) error {
	for i := range txn.Mops {
		m := &txn.Mops[i]
		c := v.at(kindOf(m.Func), m.Key)
		if m.Func.Writes() {
			c.writers = append(c.writers, i)
		}
		if err := v.one(txn, i, m, c, r); err != nil {
			return err
		}
	}
	return nil
}

func (v *view) one(txn *history.Txn, i int, m *history.Mop, c *cell, r reader) error {
	switch m.Func {
	case history.Read, history.ReadCounter, history.ReadList, history.ReadSet:
		if !c.changed && c.revision > 0 {
			txn.SetVersion(i, c.revision)
		}
		switch {
		case m.Func == history.ReadList || m.Func == history.ReadSet:
			txn.SetList(i, r.list(c.raw))
		case c.there:
			txn.SetRead(i, r.value(c.raw))
		case m.Func == history.ReadCounter:
			txn.SetRead(i, 0) // a counter that never was
		default:
			txn.SetRead(i, history.Absent)
		}
	case history.Write:
		c.put(number(m.Arg))
	case history.Delete:
		c.raw, c.there, c.changed = "", false, true
	case history.CAS:
		found := history.Absent
		if c.there {
			found = r.value(c.raw)
		}
		if found != m.Expect {
			txn.SetRead(i, found)
			m.Flags |= history.Mismatched
			return errMismatch
		}
		c.put(number(m.Arg))
	case history.Append, history.Add:
		c.put(appended(c.raw, m.Arg))
	case history.Remove:
		c.put(without(c.raw, m.Arg))
	case history.Increment:
		c.put(number(r.amount(c) + m.Arg))
	case history.Transfer:
		to := v.at(kindValue, history.Key(m.Arg))
		if c == to || !c.there || !to.there || r.amount(c) < m.Expect {
			return errFunds
		}
		c.put(number(r.amount(c) - m.Expect))
		to.put(number(r.amount(to) + m.Expect))
	}
	return nil
}

// amount is a number to count on from.
func (r reader) amount(c *cell) history.Value {
	if !c.there {
		return 0
	}
	return r.value(c.raw)
}

// conditionError says that nothing was written because of what is there.
type conditionError struct{ text string }

func (e *conditionError) Error() string { return e.text }

var (
	errMismatch error = &conditionError{"the key holds another value"}
	errFunds    error = &conditionError{"an account is missing, or has too little"}
	errConflict error = &conditionError{"a key was changed since it was read"}
)

// commit writes what was changed if nothing that was read has changed since, by
// revision, and returns the revision of the writes.
func (v *view) commit(ctx context.Context, l *link) (int64, error) {
	var same []driver.Cmp
	var writes []driver.Op
	for _, c := range v.cells {
		if c.known {
			same = append(same, driver.Compare(driver.ModRevision(c.name), "=", c.revision))
		}
		switch {
		case c.changed && c.there:
			writes = append(writes, driver.OpPut(c.name, c.raw))
		case c.changed:
			writes = append(writes, driver.OpDelete(c.name))
		}
	}
	done, err := l.Txn(ctx).If(same...).Then(writes...).Commit()
	if err != nil {
		return 0, err
	}
	if !done.Succeeded {
		return 0, errConflict
	}
	return done.Header.Revision, nil
}
