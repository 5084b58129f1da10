package drivers

import (
	"context"
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// remote is a client at a driver. As every client, it is one goroutine's at a time.
type remote struct {
	seat    *seat
	id      int64
	stage   *Stage
	asked   int64 // how many questions
	carried targets.Carried
	// from and to are between which moments the last operation was under way.
	from, to history.Time
}

var (
	_ targets.Client = (*remote)(nil)
	_ targets.Heir   = (*remote)(nil)
)

// ask asks the driver, and returns where the answer, of this kind, will be.
func (r *remote) ask(m *message, kind string) <-chan answer {
	r.asked++
	m.Client, m.Number = r.id, r.asked
	return r.seat.ask(m, kind, r.stage.Job.Deadline+extra)
}

// open has the driver open it.
func (r *remote) open(ctx context.Context, s targets.Session) error {
	r.carried = s.Carried
	opened := r.ask(&message{Kind: kindOpen, Session: &sessionWire{
		ID: s.ID, Home: s.Home, Roam: s.Roam, Replica: s.Replica, Carried: packCarried(s.Carried),
	}}, kindOpened)
	select {
	case a := <-opened:
		if a.m.Reason != "" {
			return errors.New(a.m.Reason)
		}
		return nil
	case <-r.seat.gone:
		return r.seat.lost()
	case <-ctx.Done():
		_ = r.Close() // what is still opened is closed then
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
	unknown := targets.Result{Outcome: history.Info, Node: at, Broken: true}
	select {
	case a := <-r.ask(&message{Kind: kindDo, At: at, Asked: packTxn(txn)}, kindDone):
		res, err := a.m.Seen.unpack(txn, r.stage.Nodes, r.stage.Text, r.count)
		if err != nil {
			r.seat.fail(fmt.Errorf("it answered what cannot be: %w", err))
			unknown.Err = r.seat.lost()
			return unknown
		}
		r.carried = a.m.Seen.Carried.unpack()
		r.from, r.to = r.seat.bounds.Within(r.from, a.at, a.m.Seen.Began, a.m.Seen.Ended)
		r.seat.of.took(r.from, r.to, a.m.Seen.Began, a.m.Seen.Ended)
		return res
	case <-r.seat.gone:
		unknown.Err = r.seat.lost()
		return unknown
	}
}

// count adds what the driver has counted to what the run has.
func (r *remote) count(counts []int64) bool {
	return r.stage.Counter != nil && r.stage.Counter.AddCounts(counts)
}

// Within is between which moments of the history's clock the last operation was under way.
func (r *remote) Within() (from, to history.Time) { return r.from, r.to }

// Carry implements targets.Heir.
func (r *remote) Carry() targets.Carried { return r.carried }

// Close implements targets.Client.
func (r *remote) Close() error {
	if r.seat.lost() == nil {
		r.seat.send(&message{Kind: kindClose, Client: r.id})
	}
	return nil
}
