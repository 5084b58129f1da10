package harness

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// sessionCounter numbers the sessions of a run from 1.
type sessionCounter struct{ n atomic.Int32 }

func (c *sessionCounter) next() int32 { return c.n.Add(1) }

// levelIndexes lists the levels of a run for the history's header and says where
// the write and the read level stand in it; the first is always the empty one.
func levelIndexes(write, read string) (levels []string, writeIndex, readIndex uint8) {
	levels, writeIndex = addLevel([]string{""}, write)
	levels, readIndex = addLevel(levels, read)
	return levels, writeIndex, readIndex
}

// addLevel makes sure that level is among levels, and says where.
func addLevel(levels []string, level string) ([]string, uint8) {
	i := slices.Index(levels, level)
	if i < 0 {
		return append(levels, level), uint8(len(levels))
	}
	return levels, uint8(i)
}

// reopenPause is how long a worker waits before it asks again for a connection
// that could not be had: long enough not to spin, short enough to see a node
// come back.
const reopenPause = 100 * time.Millisecond

// worker is one client: strictly sequential, one session at a time.
type worker struct {
	run   *run
	index int
	home  int
	roam  bool
	// replica: the session reads nodes by themselves.
	replica bool
	rec     *history.Client
	txn     history.Txn
	client  targets.Client
	session int32
	mortal  mortal
	journey journey
}

// do carries out the operation that stands in w.txn, by the node at for a
// roaming session. It reports false when no connection could be had until ctx
// was done; then nothing was recorded.
func (w *worker) do(ctx context.Context, at int) (targets.Result, bool, error) {
	if !w.roam {
		at = w.home
	}
	if w.client != nil && w.mortal.dead() {
		w.bury(false)
	}
	if !w.open(ctx) {
		return targets.Result{}, false, nil
	}
	// The operation outlives the end of the load: a request that was sent is
	// waited for, so that ending a run makes no outcome indeterminate; a run that
	// was interrupted waits but a moment.
	opCtx, cancel := context.WithTimeout(w.run.lasting, w.run.plan.OpTimeout)
	defer cancel()
	readLevel := w.run.readLevel
	if w.replica {
		readLevel = w.run.replicaLevel
	}
	if err := w.rec.Invoke(w.session, int16(at), readLevel, w.run.writeLevel, &w.txn); err != nil {
		return targets.Result{}, false, fmt.Errorf("recording an invocation: %w", err)
	}
	res := w.client.Do(opCtx, at, &w.txn)
	text := ""
	if res.Err != nil {
		text = res.Err.Error()
	}
	if err := w.complete(res, text); err != nil {
		return res, false, fmt.Errorf("recording a completion: %w", err)
	}
	switch {
	case !w.mortal.dead():
		if res.Outcome == history.OK {
			w.mortal.answered(&w.txn)
		}
		switch {
		case res.Broken || res.Outcome == history.Info:
			w.close()
		case res.Outcome == history.OK:
			w.travel()
		}
	case res.Outcome == history.OK && res.Broken:
		// The answer came, and what is to be carried of it did not: nobody can go on.
		w.close()
	default:
		w.bury(res.Outcome != history.OK)
	}
	return res, true, nil
}

// bury closes a client that has died. Another one will go on with its session.
func (w *worker) bury(unanswered bool) {
	w.mortal.bury(w.session, w.client, unanswered)
	w.shut()
}

// open makes sure that there is a client; it tries again until ctx is done.
func (w *worker) open(ctx context.Context) bool {
	for w.client == nil {
		if ctx.Err() != nil {
			return false
		}
		s := targets.Session{Home: w.home, Roam: w.roam, Replica: w.replica, Text: w.run.recorder.Text}
		if w.mortal.born(&s); s.ID == 0 && w.journey.session == 0 {
			s.ID = w.run.sessions.next()
		}
		openCtx, cancel := context.WithTimeout(ctx, w.run.plan.OpTimeout)
		c, err := w.connect(openCtx, &s)
		cancel()
		if err == nil {
			w.client, w.session = c, s.ID
			return true
		}
		w.run.log.Debug("opening a session", "worker", w.index, "error", err)
		sleep(ctx, reopenPause)
	}
	return true
}

// close ends the session.
func (w *worker) close() {
	w.mortal.end()
	w.journey.session = 0
	w.shut()
}

// shut closes the client.
func (w *worker) shut() {
	if w.client == nil {
		return
	}
	if err := w.client.Close(); err != nil {
		w.run.log.Debug("closing a session", "worker", w.index, "error", err)
	}
	w.client = nil
}

// sleep waits for d or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
