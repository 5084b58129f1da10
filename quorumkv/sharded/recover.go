package sharded

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/quorumkv/consensus"
)

const (
	// lookedAt bounds what one look takes up of each kind, in a shard. There are many that are not orphans.
	lookedAt = 1024
	// forgetting is how many decisions may wait to be forgotten; recovery finds others.
	forgetting = 256
)

// orphan is what a coordinator may have left in a shard.
type orphan struct {
	shard  int
	kind   string // keyPrepared or keyDecision
	txn    string
	home   int
	shards []int
}

// recover looks, in the shards that this node leads, for what coordinators have left: transactions that are prepared and not finished, and
// decisions to commit that are not forgotten. What is older than a request can be is an orphan; to take one for an orphan that is none is slow
// for its client, and not wrong.
func (e *Engine) recover() {
	look := time.NewTicker(max(e.node.RequestTimeout/4, time.Millisecond))
	defer look.Stop()
	since := map[string]time.Time{}
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-look.C:
		}
		seen := map[string]time.Time{}
		for _, o := range e.orphans() {
			name := fmt.Sprint(o.shard, o.kind, o.txn)
			seen[name] = time.Now()
			if first, ok := since[name]; ok {
				seen[name] = first
			}
			if time.Since(seen[name]) > e.node.RequestTimeout {
				e.settle(o)
			}
		}
		since = seen
	}
}

// orphans are all transactions that are not over in the shards that this node leads.
func (e *Engine) orphans() []orphan {
	var out []orphan
	for i, g := range e.shards {
		if !g.Leading() {
			continue
		}
		for _, kind := range []string{keyPrepared, keyDecision} {
			found, err := g.Scan(kind, lookedAt)
			if err != nil {
				e.node.Logger.Warn("transactions that are not over cannot be read", "group", shardName(i), "error", err)
				continue
			}
			for _, f := range found {
				if o, err := parseOrphan(i, kind, f); err != nil {
					e.node.Logger.Warn("a transaction cannot be read", "group", shardName(i), "error", err)
				} else if o.shards != nil {
					out = append(out, o)
				}
			}
		}
	}
	return out
}

// parseOrphan reads what a shard keeps of a transaction. It names no shards when nobody has to do anything: a decision to abort expires.
func parseOrphan(shard int, kind string, p consensus.Pair) (orphan, error) {
	o := orphan{shard: shard, kind: kind, txn: p.Key[len(kind):], home: shard}
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
	if e.opts.Transactions == MemoryCoordinator {
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

// forgetLater leaves it to forgetAll; recovery finds what there is no room for.
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
