package etcd

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	driver "go.etcd.io/etcd/client/v3"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// locks are a session's locks: keys that hang on its lease, which it keeps
// alive until it is closed. A lock is had by the transaction that makes its key; its
// fencing token is the revision of that.
type locks struct {
	lease driver.LeaseID
	// lost says that the lease has run out.
	lost *atomic.Bool
	stop context.CancelFunc
	done chan struct{}
	// tokens are those of the locks that the session believes to have, by their keys.
	tokens map[string]int64
}

var (
	errHeld error = &conditionError{"the lock is held"}
	errLost error = &conditionError{"the lock is no longer held: its lease has run out"}
	errNone       = outcome.Refuse("the session does not hold the lock")
)

// keepShare is the number of times that a lease is prolonged in its time to live.
const keepShare = 3

// ensureLease grants the session a lease, unless it has one.
func (c *client) ensureLease(ctx context.Context, l *link) error {
	if c.locks.stop != nil && !c.locks.lost.Load() {
		return nil
	}
	c.locks.end()
	granted, err := l.Grant(ctx, int64(c.set.ttl/time.Second))
	if err != nil {
		return err
	}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.locks = locks{lease: granted.ID, lost: new(atomic.Bool), stop: stop, done: make(chan struct{}), tokens: map[string]int64{}}
	k := keeper{link: l, gate: c.gate, lease: granted.ID, every: time.Duration(granted.TTL) * time.Second / keepShare, lost: c.locks.lost}
	go func(done chan struct{}) {
		defer close(done)
		k.run(keep)
	}(c.locks.done)
	return nil
}

// end ends keeping the lease alive.
func (k *locks) end() {
	if k.stop != nil {
		k.stop()
		<-k.done
	}
	*k = locks{}
}

// keeper keeps a lease alive.
type keeper struct {
	link  *link
	gate  *gate
	lease driver.LeaseID
	every time.Duration
	lost  *atomic.Bool
}

func (k keeper) run(ctx context.Context) {
	t := time.NewTicker(k.every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if k.gate.pass(ctx) != nil {
			return
		}
		once, cancel := context.WithTimeout(ctx, k.every)
		ttl, err := k.link.keepAlive(once, k.lease)
		cancel()
		if err == nil && ttl <= 0 {
			k.lost.Store(true)
			return
		}
	}
}

// take locks the key called name if nobody has, and returns the fencing token.
func (c *client) take(ctx context.Context, l *link, name string) (int64, error) {
	if err := c.ensureLease(ctx, l); err != nil {
		return 0, err
	}
	c.sending = true
	done, err := l.Txn(ctx).If(driver.Compare(driver.CreateRevision(name), "=", 0)).
		Then(driver.OpPut(name, "", driver.WithLease(c.locks.lease))).Commit()
	switch {
	case err != nil:
		return 0, err
	case !done.Succeeded:
		return 0, errHeld
	}
	c.locks.tokens[name] = done.Header.Revision
	return done.Header.Revision, nil
}

// giveBack unlocks what take locked with this token, if that still stands.
func (c *client) giveBack(ctx context.Context, l *link, name string, token int64) error {
	done, err := l.Txn(ctx).If(driver.Compare(driver.CreateRevision(name), "=", token)).Then(driver.OpDelete(name)).Commit()
	if err != nil {
		return err
	}
	delete(c.locks.tokens, name)
	if !done.Succeeded {
		return errLost
	}
	return nil
}

// acquire is the micro-operation. One that finds the lock taken fails at once.
func (c *client) acquire(ctx context.Context, l *link, txn *history.Txn) error {
	token, err := c.take(ctx, l, c.prefix+kindLock+txn.Mops[0].Key.String())
	if err != nil {
		return err
	}
	txn.SetRead(0, history.Value(token))
	txn.SetVersion(0, token)
	return nil
}

// release is the micro-operation. One without an answer is never certain to have had no
// effect: the session ends, and with it what keeps the lease alive.
func (c *client) release(ctx context.Context, l *link, txn *history.Txn) error {
	name := c.prefix + kindLock + txn.Mops[0].Key.String()
	token, have := c.locks.tokens[name]
	if !have {
		return errNone
	}
	c.sending = true
	return c.giveBack(ctx, l, name, token)
}

// lockPoll is the interval at which a client asks for a lock that is taken.
const lockPoll = 10 * time.Millisecond

// underLock adds to a set, or removes from it, as programs do that were not written
// for transactions: lock, read, work, write, unlock. With a fenced lock the write is
// made only if the lock's key is still the one of the token; else it is made.
func (c *client) underLock(ctx context.Context, l *link, txn *history.Txn) error {
	m := &txn.Mops[0]
	lock := c.prefix + kindLock + kindSet + m.Key.String()
	token, err := c.take(ctx, l, lock)
	for errors.Is(err, errHeld) {
		c.sending = false
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return errHeld
		}
		if err := c.gate.pass(ctx); err != nil {
			return err
		}
		token, err = c.take(ctx, l, lock)
	}
	c.sending = false // what the operation is about was not written yet
	if err != nil {
		return c.abandon(err)
	}
	v := view{prefix: c.prefix}
	v.at(kindSet, m.Key)
	if err := v.fill(ctx, l, false); err != nil {
		return c.abandon(err)
	}
	if err := v.apply(txn, c.reader); err != nil {
		return c.abandon(err)
	}
	select {
	case <-time.After(c.set.section):
	case <-ctx.Done():
	}
	if err := c.gate.pass(ctx); err != nil {
		return c.abandon(err)
	}
	var same []driver.Cmp
	if c.set.sets == setsFenced {
		same = append(same, driver.Compare(driver.CreateRevision(lock), "=", token))
	}
	c.sending = true
	done, err := l.Txn(ctx).If(same...).Then(driver.OpPut(v.cells[0].name, v.cells[0].raw)).Commit()
	if err != nil {
		return c.abandon(err)
	}
	if !done.Succeeded {
		delete(c.locks.tokens, lock)
		return errLost
	}
	txn.SetVersion(0, done.Header.Revision)
	if err := c.giveBack(ctx, l, lock, token); err != nil && !errors.Is(err, errLost) {
		c.spent = true // it ends with the lease
	}
	return nil
}

// abandon gives the session up, so that its lease runs out: a lock of its is left.
func (c *client) abandon(err error) error {
	c.spent = true
	return err
}
