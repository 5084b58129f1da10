package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	ctx, cancel := context.WithTimeout(ctx, c.RequestTimeout)
	defer cancel()
	var seen hlc.Timestamp
	var to asked
	for {
		to = c.whom(c.Members.View(), req.Key)
		seen, err = c.before(ctx, to, req.Key, w)
		if err == nil {
			break
		}
		if !c.moved(ctx, to.view) {
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
	perhaps := false // whether a replica has the record or may get it
	for _, away := range to.instead {
		// Before the write is sent, so that it finds its replica also if this node is killed meanwhile.
		if c.keepHint(away, req.Key, rec) {
			perhaps = true
			continue
		}
		e := &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.NotWritten, Message: "the hint for " + away + ", for which another node would stand in, could not be kept"}
		if perhaps {
			e.Outcome = engine.PerhapsWritten // another has one
		}
		return WriteResult{}, e
	}
	for {
		acked, err := c.store(ctx, to, req.Key, rec, w, perhaps)
		if err == nil {
			return WriteResult{Version: rec.Version, W: w, Acked: acked}, nil
		}
		if !c.moved(ctx, to.view) {
			return WriteResult{}, err
		}
		var e *engine.Error // the same version again, where it belongs now
		perhaps = perhaps || errors.As(err, &e) && e.Outcome == engine.PerhapsWritten
		to = c.whom(c.Members.View(), req.Key)
	}
}

// before is what a write does before it has a version: it makes sure that enough replicas can be reached, and finds the largest timestamp that
// its own has to exceed. Its errors say that nothing was written.
func (c *Coordinator) before(ctx context.Context, to asked, key string, w int) (hlc.Timestamp, error) {
	careless := c.Defects.Has(defect.AckBeforeQuorum) || c.Defects.Has(defect.CountHints)
	askFirst := c.Timestamps == FromQuorum && !c.Defects.Has(defect.SkipTimestampRead)
	n := len(to.groups[0])
	need := w
	if askFirst {
		need = max(w, quorum.TimestampRead(n, w))
	}
	if !careless {
		failed := c.reach(ctx, to.groups[0], need)
		if failed == nil {
			failed = c.reachAll(ctx, to, w)
		}
		if failed != nil {
			t := tally{failed: failed}
			what := fmt.Sprintf("write needs %d of %d replicas", need, n)
			if need > w {
				what = fmt.Sprintf("write needs %d of %d replicas to choose a timestamp that every write at W=%d respects", need, n, w)
			}
			return 0, t.error(ctx, fmt.Sprintf("%s, %d cannot be reached: nothing was sent", what, len(failed)), need, engine.NotWritten)
		}
	}
	if !askFirst {
		return 0, nil
	}
	seen, err := c.newestTimestamp(ctx, to.view.Epoch, to.groups[0], key, quorum.TimestampRead(n, w))
	if err != nil && careless {
		return 0, nil
	}
	return seen, err
}

// newestTimestamp asks the replicas for their versions and returns the largest of need answers.
func (c *Coordinator) newestTimestamp(ctx context.Context, epoch uint64, replicas []string, key string, need int) (hlc.Timestamp, error) {
	answers := make(chan replica.Answer, len(replicas))
	for node := range c.othersFirst(replicas) {
		c.Transport.Version(c.ctx, node, epoch, key, c.PeerTimeout, answers)
	}
	var t tally
	newest := hlc.Timestamp(0)
	for len(t.answered) < need && len(t.failed) <= len(replicas)-need {
		select {
		case a := <-answers:
			if a.Err != nil {
				t.fail(a.Node, a.Err)
				continue
			}
			t.answered = append(t.answered, a.Node)
			newest = max(newest, a.Record.Version.Time)
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

// spreading is a record on its way to its replicas.
type spreading struct {
	c       *Coordinator
	key     string
	rec     record.Record
	answers chan replica.Answer
	hints   chan hinted // of replicas that failed; made for the first of them
	silent  []string    // of which nothing was heard
}

// hinted is a replica that failed, when it is known whether it will have the record by a hint.
type hinted struct {
	replica.Answer
	kept bool
}

// spread sends rec to all replicas.
func (c *Coordinator) spread(epoch uint64, replicas []string, key string, rec record.Record) *spreading {
	s := &spreading{c: c, key: key, rec: rec, answers: make(chan replica.Answer, len(replicas)), silent: slices.Clone(replicas)}
	for node := range c.othersFirst(replicas) {
		if c.ctx.Err() != nil {
			s.answers <- replica.Answer{Node: node, Err: fmt.Errorf("%w: this node is stopping", replica.ErrNotApplied)}
			continue
		}
		c.Transport.Apply(c.ctx, node, epoch, key, rec, c.PeerTimeout, s.answers)
	}
	return s
}

// heard notes that a replica has said something, and if it failed begins to keep a hint for it: what became of that is sent to hints.
func (s *spreading) heard(a replica.Answer) {
	s.silent = slices.DeleteFunc(s.silent, func(n string) bool { return n == a.Node })
	if a.Err == nil {
		return
	}
	if s.hints == nil {
		s.hints = make(chan hinted, cap(s.answers))
	}
	keep := func() { s.hints <- hinted{a, s.c.keepHint(a.Node, s.key, s.rec)} }
	if !s.c.background(keep) {
		keep() // this node is stopping
	}
}

// rest goes on when the request is over: replicas that fail later get a hint, and so do those of which nothing is heard until this node stops.
func (s *spreading) rest() {
	if len(s.silent) == 0 {
		return
	}
	wait := func() {
		for len(s.silent) > 0 {
			select {
			case a := <-s.answers:
				s.silent = slices.DeleteFunc(s.silent, func(n string) bool { return n == a.Node })
				if a.Err != nil {
					s.c.keepHint(a.Node, s.key, s.rec)
				}
			case <-s.c.ctx.Done():
				for _, node := range s.silent {
					s.c.keepHint(node, s.key, s.rec)
				}
				return
			}
		}
	}
	if !s.c.background(wait) {
		wait()
	}
}

// store sends rec to all replicas and returns those that held it when w of each group did. Perhaps says that some may have it already.
func (c *Coordinator) store(ctx context.Context, to asked, key string, rec record.Record, w int, perhaps bool) ([]string, error) {
	s := c.spread(to.view.Epoch, to.nodes, key, rec)
	defer s.rest()
	if c.Defects.Has(defect.AckBeforeQuorum) {
		return []string{}, nil
	}
	var t tally
	var counted []string
	for to.inEach(counted) < w && len(t.answered)+len(t.failed) < len(to.nodes) {
		if !to.possible(counted, &t, w) && (perhaps || len(t.answered) > 0) {
			break // can neither succeed any more nor turn out to be written nowhere
		}
		select {
		case a := <-s.answers:
			s.heard(a)
			if a.Err == nil {
				t.answered = append(t.answered, a.Node)
				counted = append(counted, a.Node)
			}
		case a := <-s.hints:
			t.fail(a.Node, a.Err)
			perhaps = perhaps || a.kept || !errors.Is(a.Err, replica.ErrNotApplied)
			if a.kept && c.Defects.Has(defect.CountHints) {
				counted = append(counted, a.Node)
			}
		case <-ctx.Done():
			t.silent(to.nodes)
			perhaps = true
		}
	}
	if to.inEach(counted) >= w {
		return t.answered, nil
	}
	if len(t.answered) > 0 || len(t.answered)+len(t.failed) < len(to.nodes) {
		perhaps = true
	}
	outcome, what := engine.NotWritten, "it was not written anywhere"
	if perhaps {
		outcome, what = engine.PerhapsWritten, "others may have written it, or may yet"
	}
	return nil, t.error(ctx, fmt.Sprintf("write needs %d of %d replicas, %d acknowledged: %s", w, len(to.groups[0]), to.inEach(t.answered), what), w, outcome)
}

// possible tells whether w nodes of each group may still be counted.
func (a asked) possible(counted []string, t *tally, w int) bool {
	for _, g := range a.groups {
		open := len(g) - in(g, t.answered) - t.failedIn(g)
		if in(g, counted)+open < w {
			return false
		}
	}
	return true
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
	for _, node := range c.Nodes {
		if n := c.Store.HintCount(node); n > 0 {
			counts[node] = n
		}
	}
	return counts
}
