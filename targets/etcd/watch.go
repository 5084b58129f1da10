package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	driver "go.etcd.io/etcd/client/v3"

	"github.com/lapse-test/lapse/history"
)

// watcher is a session's watch of one key: from its first revision on, by a client
// of its own, which takes the watch up again where it was when the connection was lost,
// as etcd's client does.
type watcher struct {
	link   *link
	events driver.WatchChan
	// left are events that came and were not returned yet, as offsets and messages.
	left []history.Value
}

const (
	// pollWait bounds the time that a poll waits for the first event, pollMost the events that it
	// returns.
	pollWait = 50 * time.Millisecond
	pollMost = 500
)

// send writes the message into the log's key: its offset is the revision.
func (c *client) send(ctx context.Context, l *link, txn *history.Txn) error {
	m := &txn.Mops[0]
	c.sending = true
	done, err := l.Put(ctx, c.prefix+kindLog+m.Key.String(), number(m.Arg))
	if err != nil {
		return err
	}
	txn.SetVersion(0, done.Header.Revision)
	return nil
}

// poll returns the events that the session's watch of the key has brought.
func (c *client) poll(ctx context.Context, at int, txn *history.Txn) error {
	key := txn.Mops[0].Key
	w := c.watchers[key]
	if w == nil {
		l, err := newLink(c.nodes[at], false)
		if err != nil {
			return err
		}
		w = &watcher{link: l, events: l.Watch(c.life, c.prefix+kindLog+key.String(), driver.WithRev(1))}
		c.watchers[key] = w
	}
	if err := w.gather(ctx); err != nil {
		c.spent = true // another watch begins anew: it is another consumer
		return err
	}
	n := min(len(w.left), 2*pollMost)
	txn.SetList(0, w.left[:n])
	w.left = w.left[n:]
	return nil
}

var errWatchEnded = errors.New("the watch has ended")

// gather waits for events if none are left, and takes what is there.
func (w *watcher) gather(ctx context.Context) error {
	wait := time.NewTimer(pollWait)
	defer wait.Stop()
	for len(w.left) < 2*pollMost {
		var got driver.WatchResponse
		var open bool
		if len(w.left) > 0 {
			select {
			case got, open = <-w.events:
			default:
				return nil
			}
		} else {
			select {
			case got, open = <-w.events:
			case <-wait.C:
				return nil
			case <-ctx.Done():
				return nil
			}
		}
		if err := got.Err(); err != nil {
			return err
		}
		if !open {
			return errWatchEnded
		}
		if err := w.take(got.Events); err != nil {
			return err
		}
	}
	return nil
}

func (w *watcher) take(events []*driver.Event) error {
	for _, e := range events {
		if e.Type != driver.EventTypePut {
			return fmt.Errorf("an event of the kind %v, where there are only writes", e.Type)
		}
		w.left = append(w.left, history.Value(e.Kv.ModRevision), reader{}.value(string(e.Kv.Value)))
	}
	return nil
}
