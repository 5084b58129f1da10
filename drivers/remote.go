package drivers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// remote is a client at a driver. As every client, it is one goroutine's at a time.
type remote struct {
	seat    *seat
	id      int64
	stage   *Stage
	answers chan answer
	carried targets.Carried
	// from and to are between which moments the last operation was under way.
	from, to history.Time
}

var (
	_ targets.Client = (*remote)(nil)
	_ targets.Heir   = (*remote)(nil)
)

// open has the driver open it.
func (r *remote) open(ctx context.Context, s targets.Session) error {
	r.carried = s.Carried
	r.seat.expect(r.id, r.answers)
	r.seat.send(&message{Kind: kindOpen, Client: r.id, Session: &sessionWire{
		ID: s.ID, Home: s.Home, Roam: s.Roam, Replica: s.Replica, Carried: packCarried(s.Carried),
	}})
	select {
	case a := <-r.answers:
		if a.m.Kind == kindOpened && a.m.Reason == "" {
			return nil
		}
		r.seat.forget(r.id)
		return errors.New(cut(a.m.Reason))
	case <-r.seat.gone:
		r.seat.forget(r.id)
		return r.seat.lost()
	case <-ctx.Done():
		_ = r.Close()
		return ctx.Err()
	}
}

// Do implements targets.Client, but for one thing: the deadline of ctx is the driver's to keep, which
// has the same, and what it has to tell is waited for, since an answer that is on its way is no answer that
// never came. A driver from which nothing comes is lost, and what it was asked for may have happened.
func (r *remote) Do(_ context.Context, at int, txn *history.Txn) targets.Result {
	if r.stage.Keeper != nil {
		r.stage.Keeper.Written(txn)
	}
	r.from, r.to = r.stage.Now(), history.Never
	if err := r.seat.lost(); err != nil {
		return targets.Result{Outcome: history.Fail, Err: err, Node: at, Broken: true}
	}
	r.seat.send(&message{Kind: kindDo, Client: r.id, At: at, Asked: packTxn(txn)})
	limit := time.NewTimer(r.stage.Job.Deadline + extra)
	defer limit.Stop()
	unknown := func(err error) targets.Result {
		return targets.Result{Outcome: history.Info, Err: err, Node: at, Broken: true}
	}
	select {
	case a := <-r.answers:
		if a.m.Kind != kindDone || a.m.Seen == nil {
			r.seat.fail(errors.New("it answered something else than it was asked"))
			return unknown(r.seat.lost())
		}
		res, err := a.m.Seen.unpack(txn, r.stage.Nodes, r.stage.Text)
		if err != nil {
			r.seat.fail(fmt.Errorf("it answered what cannot be: %w", err))
			return unknown(r.seat.lost())
		}
		r.carried = a.m.Seen.Carried.unpack()
		r.from, r.to = r.seat.bounds.Within(r.from, a.at, a.m.Seen.Began, a.m.Seen.Ended)
		r.seat.of.took(r.from, r.to, a.m.Seen.Began, a.m.Seen.Ended)
		return res
	case <-r.seat.gone:
	case <-limit.C:
		r.seat.fail(errors.New("it did not end an operation in time"))
	}
	return unknown(r.seat.lost())
}

// Within is between which moments of the history's clock the last operation was under way.
func (r *remote) Within() (from, to history.Time) { return r.from, r.to }

// Carry implements targets.Heir.
func (r *remote) Carry() targets.Carried { return r.carried }

// Close implements targets.Client.
func (r *remote) Close() error {
	r.seat.forget(r.id)
	if r.seat.lost() == nil {
		r.seat.send(&message{Kind: kindClose, Client: r.id})
	}
	return nil
}
