package sharded

import (
	"context"
	"encoding/json"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/defect"
)

const (
	// page bounds what is read of a shard at a time, while its calls wait.
	page = 1024
	// settling is how many orphans are settled at a time: each waits for several shards.
	settling = 16
	// forgetting is how many decisions may wait to be forgotten; recovery finds others.
	forgetting = 256
)

// orphan is what a coordinator may have left in a shard.
type orphan struct {
	unfinished
	home   int
	shards []int
}

// unfinished names what a shard keeps of a transaction.
type unfinished struct {
	shard int
	kind  string // keyPrepared or keyDecision
	txn   string
}

// looks are what recovery knows of the looks before.
type looks struct {
	since map[unfinished]time.Time // when each was seen first
	// at are, by shard, the decision after which the next look goes on. There are as many as a window has, nearly all of them to abort, of which nobody has to do
	// anything: so each look takes one page of them. What shards have prepared holds locks, and is looked at whole.
	at map[int]string
}

// recover looks, in the shards that this node leads, for what coordinators have left: transactions that are prepared and not finished, and
// decisions to commit that are not forgotten. What is older than a request can be is an orphan; to take one for an orphan that is none is slow
// for its client, and not wrong.
func (e *Engine) recover() {
	look := time.NewTicker(max(e.node.RequestTimeout/4, time.Millisecond))
	defer look.Stop()
	var before looks
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-look.C:
		}
		e.settleAll(e.look(&before, time.Now()))
	}
}

// settleAll settles several at a time.
func (e *Engine) settleAll(orphans []orphan) {
	var all errgroup.Group
	all.SetLimit(settling)
	for _, o := range orphans {
		all.Go(func() error {
			e.settle(o)
			return nil // what fails is tried at the next look
		})
	}
	_ = all.Wait()
}

// look finds the orphans among the transactions that are not over in the shards that this node leads: those that were there a request's timeout before now.
func (e *Engine) look(l *looks, now time.Time) []orphan {
	var out []orphan
	since, at := map[unfinished]time.Time{}, map[int]string{}
	note := func(o orphan) {
		first, known := l.since[o.unfinished]
		if !known {
			first = now
		}
		since[o.unfinished] = first
		if now.Sub(first) > e.node.RequestTimeout {
			out = append(out, o)
		}
	}
	for i, g := range e.shards {
		if !g.Leading() {
			continue
		}
		for after, more := "", true; more; {
			after, more = e.readPage(i, keyPrepared, after, note)
		}
		from := l.at[i]
		to, more := e.readPage(i, keyDecision, from, note)
		if more {
			at[i] = to
		}
		for u, first := range l.since { // those of other pages have not been looked for
			if key := keyDecision + u.txn; u.shard == i && u.kind == keyDecision && (key <= from || more && key > to) {
				since[u] = first
			}
		}
	}
	l.since, l.at = since, at
	return out
}

// readPage calls f for what a shard keeps after a key, up to a page of it, and tells where that ends and whether there may be more.
func (e *Engine) readPage(shard int, kind, after string, f func(orphan)) (to string, more bool) {
	found, err := e.shards[shard].Scan(kind, after, page)
	if err != nil {
		e.node.Logger.Warn("transactions that are not over cannot be read", "group", shardName(shard), "error", err)
		return "", false
	}
	for _, p := range found {
		to = p.Key
		if o, err := parseOrphan(shard, kind, p); err != nil {
			e.node.Logger.Warn("a transaction cannot be read", "group", shardName(shard), "error", err)
		} else if o.shards != nil {
			f(o)
		}
	}
	return to, len(found) == page
}

// parseOrphan reads what a shard keeps of a transaction. It names no shards when nobody has to do anything: a decision to abort expires.
func parseOrphan(shard int, kind string, p consensus.Pair) (orphan, error) {
	o := orphan{unfinished: unfinished{shard: shard, kind: kind, txn: p.Key[len(kind):]}, home: shard}
	if !p.Record.Live() {
		return o, nil
	}
	if kind == keyPrepared {
		var of prepared
		err := json.Unmarshal(p.Record.Value, &of)
		o.home, o.shards = of.Home, of.Shards
		return o, err
	}
	var d decision
	err := json.Unmarshal(p.Record.Value, &d)
	if d.Commit {
		o.shards = d.Shards
	}
	return o, err
}

// settle has a decision made if there is none, and carried out. What fails is tried at the next look.
func (e *Engine) settle(o orphan) {
	ctx, cancel := context.WithTimeout(e.ctx, e.node.RequestTimeout)
	defer cancel()
	e.counts.recovered.Add(1)
	if e.opts.Transactions == MemoryCoordinator || o.kind == keyPrepared && e.node.Defects.Has(defect.AbortInDoubt) {
		e.finish(ctx, []int{o.shard}, o.txn, false)
		return
	}
	commit, err := e.decide(ctx, o.home, call{Txn: o.txn, Shards: o.shards})
	if err != nil {
		return
	}
	e.node.Logger.Info("transaction recovered", "transaction", o.txn, "commit", commit)
	if e.finish(ctx, o.shards, o.txn, commit) && commit {
		e.forgetLater(decided{o.home, o.txn})
	}
}

// decided is a decision to commit that all shards have carried out.
type decided struct {
	home int
	txn  string
}

// forgetLater leaves it to forgetAll; recovery finds those for which there is no room.
func (e *Engine) forgetLater(d decided) {
	select {
	case e.forgets <- d:
	default:
	}
}

// forgetAll removes decisions that nobody can ask for any more, as many at once as wait.
func (e *Engine) forgetAll() {
	for {
		select {
		case <-e.ctx.Done():
			return
		case d := <-e.forgets:
			ctx, cancel := context.WithTimeout(e.ctx, e.node.RequestTimeout)
			e.forget(ctx, d)
			cancel()
		}
	}
}

// forget removes a decision, and those that wait to be forgotten too. What fails is found by recovery.
func (e *Engine) forget(ctx context.Context, d decided) {
	homes := map[int][]string{d.home: {d.txn}}
	for range len(e.forgets) {
		more := <-e.forgets // nobody else takes any
		homes[more.home] = append(homes[more.home], more.txn)
	}
	for home, txns := range homes {
		_, _ = e.call(ctx, home, call{Verb: forget, Txns: txns})
	}
}
