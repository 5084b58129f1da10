package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/quorum"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
)

// WriteRequest writes Value under Key, or deletes it.
type WriteRequest struct {
	Key    string
	Value  []byte // the caller must not change it afterwards
	Delete bool
	W      quorum.Level
}

// WriteResult describes an acknowledged write.
type WriteResult struct {
	Version record.Version
	W       int
	Acked   []string // the replicas that hold it durably, as far as had answered
}

// Write returns when W replicas durably hold the write or a larger version. Its errors are *engine.Error with an Outcome.
func (c *Coordinator) Write(ctx context.Context, req WriteRequest) (WriteResult, error) {
	res, err := c.write(ctx, req)
	if err != nil {
		var e *engine.Error
		if errors.As(err, &e) {
			if e.Outcome == "" {
				e.Outcome = engine.NotWritten
			}
			if c.Defects.Has(defect.DenyPartialWrites) {
				e.Outcome = engine.NotWritten
			}
			c.stats.writeFailed(e)
		}
		return WriteResult{}, err
	}
	c.stats.Writes.Add(1)
	return res, nil
}

func (c *Coordinator) write(ctx context.Context, req WriteRequest) (WriteResult, error) {
	w, err := c.count(req.W, "write")
	if err != nil {
		return WriteResult{}, err
	}
	replicas, instead := c.standIns(req.Key)
	ctx, cancel := context.WithTimeout(ctx, c.RequestTimeout)
	defer cancel()
	askFirst := c.Timestamps == FromQuorum && !c.Defects.Has(defect.SkipTimestampRead)
	need := w
	if askFirst {
		need = max(w, quorum.TimestampRead(len(replicas), w))
	}
	if !c.Defects.Has(defect.AckBeforeQuorum) && !c.Defects.Has(defect.CountHints) {
		if failed := c.reach(ctx, replicas, need); failed != nil {
			t := tally{failed: failed}
			what := fmt.Sprintf("write needs %d of %d replicas", need, len(replicas))
			if need > w {
				what = fmt.Sprintf("write needs %d of %d replicas to choose a timestamp that every write at W=%d respects", need, len(replicas), w)
			}
			return WriteResult{}, t.error(ctx, fmt.Sprintf("%s, %d cannot be reached: nothing was sent", what, len(failed)), need, engine.NotWritten)
		}
	}
	seen := hlc.Timestamp(0)
	if askFirst {
		seen, err = c.newestTimestamp(ctx, replicas, req.Key, quorum.TimestampRead(len(replicas), w))
		if err != nil && !c.Defects.Has(defect.AckBeforeQuorum) && !c.Defects.Has(defect.CountHints) {
			return WriteResult{}, err
		}
	}
	rec := record.Record{
		Version:   record.Version{Time: c.Clock.After(seen), Node: c.Self},
		Tombstone: req.Delete,
		Value:     req.Value,
	}
	if ctx.Err() != nil { // the last moment at which a write can be withdrawn
		var t tally
		return WriteResult{}, t.error(ctx, "the request ended before anything was sent", w, engine.NotWritten)
	}
	hinted := false
	for _, away := range instead {
		// Before the write is sent, so that it finds its replica also if this node is killed meanwhile.
		if c.keepHint(away, req.Key, rec) {
			hinted = true
			continue
		}
		e := &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.NotWritten, Message: "the hint for " + away + ", for which another node would stand in, could not be kept"}
		if hinted {
			e.Outcome = engine.PerhapsWritten // another has one
		}
		return WriteResult{}, e
	}
	acked, err := c.store(ctx, replicas, req.Key, rec, w, hinted)
	if err != nil {
		return WriteResult{}, err
	}
	return WriteResult{Version: rec.Version, W: w, Acked: acked}, nil
}

// newestTimestamp asks the replicas for their versions and returns the largest of need answers.
func (c *Coordinator) newestTimestamp(ctx context.Context, replicas []string, key string, need int) (hlc.Timestamp, error) {
	type answer struct {
		node    string
		version record.Version
		err     error
	}
	answers := make(chan answer, len(replicas))
	mctx, cancel := c.message()
	defer cancel() // a question needs no end of its own
	for _, node := range replicas {
		go func() {
			v, err := c.Transport.Version(mctx, node, key)
			answers <- answer{node, v, err}
		}()
	}
	var t tally
	newest := hlc.Timestamp(0)
	for len(t.answered) < need && len(t.failed) <= len(replicas)-need {
		select {
		case a := <-answers:
			if a.err != nil {
				t.fail(a.node, a.err)
				continue
			}
			t.answered = append(t.answered, a.node)
			newest = max(newest, a.version.Time)
		case <-ctx.Done():
			t.silent(replicas)
		}
	}
	if len(t.answered) < need {
		return 0, t.error(ctx, fmt.Sprintf("write needs the versions of %d replicas to choose its own, %d answered: nothing was written",
			need, len(t.answered)), need, engine.NotWritten)
	}
	return newest, nil
}

// ack is what became of a record sent to one replica.
type ack struct {
	node   string
	err    error
	hinted bool // a hint is stored, so that the replica will have it later
}

// store sends rec to all replicas and returns those that held it when w did. Hinted says that a hint for another is kept already.
func (c *Coordinator) store(ctx context.Context, replicas []string, key string, rec record.Record, w int, hinted bool) ([]string, error) {
	acks := c.spread(replicas, key, rec)
	if c.Defects.Has(defect.AckBeforeQuorum) {
		return []string{}, nil
	}
	var t tally
	perhaps := hinted // whether a replica has the record or may get it
	counted := 0
	for counted < w && len(t.answered)+len(t.failed) < len(replicas) {
		open := len(replicas) - len(t.answered) - len(t.failed)
		if counted+open < w && (perhaps || len(t.answered) > 0) {
			break // can neither succeed any more nor turn out to be written nowhere
		}
		select {
		case a := <-acks:
			if a.err == nil {
				t.answered = append(t.answered, a.node)
				counted++
				continue
			}
			t.fail(a.node, a.err)
			perhaps = perhaps || a.hinted || !errors.Is(a.err, replica.ErrNotApplied)
			if a.hinted && c.Defects.Has(defect.CountHints) {
				counted++
			}
		case <-ctx.Done():
			t.silent(replicas)
			perhaps = true
		}
	}
	if counted >= w {
		return t.answered, nil
	}
	if len(t.answered) > 0 || len(t.answered)+len(t.failed) < len(replicas) {
		perhaps = true
	}
	outcome, what := engine.NotWritten, "it was not written anywhere"
	if perhaps {
		outcome, what = engine.PerhapsWritten, "others may have written it, or may yet"
	}
	return nil, t.error(ctx, fmt.Sprintf("write needs %d of %d replicas, %d acknowledged: %s", w, len(replicas), len(t.answered), what), w, outcome)
}

// spread sends rec to all replicas and stores a hint for each that fails. The channel has room for every ack, so nobody
// has to read it.
func (c *Coordinator) spread(replicas []string, key string, rec record.Record) <-chan ack {
	acks := make(chan ack, len(replicas))
	mctx, cancel := c.message()
	left := new(atomic.Int32)
	left.Store(int32(len(replicas)))
	for _, node := range replicas {
		started := c.background(func() {
			a := ack{node: node, err: c.Transport.Apply(mctx, node, key, rec)}
			if a.err != nil {
				a.hinted = c.keepHint(node, key, rec)
			}
			acks <- a
			if left.Add(-1) == 0 {
				cancel()
			}
		})
		if !started {
			acks <- ack{node: node, err: fmt.Errorf("%w: this node is stopping", replica.ErrNotApplied)}
			if left.Add(-1) == 0 {
				cancel()
			}
		}
	}
	return acks
}

// keepHint stores what node has missed and reports whether it will get it later.
func (c *Coordinator) keepHint(node, key string, rec record.Record) bool {
	if !c.HintedHandoff || node == c.Self {
		return false
	}
	if c.Defects.Has(defect.DropHints) {
		return true
	}
	if err := c.Store.PutHint(node, key, rec); err != nil {
		c.stats.HintsRefused.Add(1)
		c.Logger.Warn("hint not stored", "for", node, "error", err)
		return false
	}
	c.stats.HintsStored.Add(1)
	return true
}

// Hinted are the nodes with hints waiting, and how many.
func (c *Coordinator) Hinted() map[string]int {
	counts := make(map[string]int)
	for _, node := range c.Placement.Nodes() {
		if n := c.Store.HintCount(node); n > 0 {
			counts[node] = n
		}
	}
	return counts
}
