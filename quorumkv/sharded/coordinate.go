package sharded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/record"
)

const (
	firstPause = 2 * time.Millisecond  // before what met a lock is tried again, on average
	lastPause  = 50 * time.Millisecond // pauses double up to that
)

// part is what a transaction does in a shard.
type part struct {
	shard int
	ops   []engine.Op
	at    []int // places of its reads among those of the transaction
}

// parts are a transaction's, its home shard first, the others in their order.
func (e *Engine) parts(ops []engine.Op) []part {
	var out []part
	place := map[int]int{}
	reads := 0
	for _, op := range ops {
		s := e.shardOf(op.Key)
		i, there := place[s]
		if !there {
			i = len(out)
			place[s], out = i, append(out, part{shard: s})
		}
		out[i].ops = append(out[i].ops, op)
		if op.Kind == engine.OpRead {
			out[i].at = append(out[i].at, reads)
			reads++
		}
	}
	return out
}

// Transact implements engine.Transactor. What met a lock is tried again, as another transaction, for a part of the request's timeout.
func (e *Engine) Transact(ctx context.Context, ops []engine.Op) (engine.TxnResult, error) {
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	parts := e.parts(ops)
	out := engine.TxnResult{}
	for _, p := range parts {
		out.Shards = append(out.Shards, p.shard)
	}
	answers, err := e.untilFree(ctx, func() ([]answer, *engine.Error) { return e.attempt(ctx, parts, &out.Cost) })
	if err != nil {
		e.stats.Failed(err)
		return out, err
	}
	e.counts.committed(len(parts) > 1, out.Cost)
	e.stats.Writes.Add(1)
	reads := 0
	for _, p := range parts {
		reads += len(p.at)
	}
	out.Reads = make([]record.Record, reads)
	for i, p := range parts {
		for j, at := range p.at {
			out.Reads[at] = answers[i].Reads[j]
		}
	}
	return out, nil
}

// untilFree tries until no lock is met, or half of the request's timeout is over.
func (e *Engine) untilFree(ctx context.Context, try func() ([]answer, *engine.Error)) ([]answer, *engine.Error) {
	enough := time.Now().Add(e.node.RequestTimeout / 2)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		answers, err := try()
		if err == nil || err.Code != engine.CodeAborted || time.Now().After(enough) {
			return answers, err
		}
		e.counts.retries.Add(1)
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}

// attempt carries out a transaction once, and adds what it took to cost.
func (e *Engine) attempt(ctx context.Context, parts []part, cost *engine.Cost) ([]answer, *engine.Error) {
	cost.Attempts++
	if len(parts) == 1 || e.opts.Transactions == BestEffort {
		return e.oneByOne(ctx, parts, cost)
	}
	t := &txn{e: e, cost: cost, id: fmt.Sprintf("%s/%x/%d", e.node.Name, e.life, e.last.Add(1)), parts: parts}
	begun, err := e.shards[parts[0].shard].Position(ctx)
	if err != nil {
		return nil, failed(err, parts[0].shard, engine.NotWritten)
	}
	t.begun = begun
	for _, p := range parts {
		t.shards = append(t.shards, p.shard)
	}
	return t.run(ctx)
}

// oneByOne has each shard carry out its part by itself. What happened before a part failed stays.
func (e *Engine) oneByOne(ctx context.Context, parts []part, cost *engine.Cost) ([]answer, *engine.Error) {
	var answers []answer
	wrote := false
	for _, p := range parts {
		round(cost, 1)
		a, err := e.call(ctx, p.shard, call{Verb: execute, Ops: p.ops, Limit: e.opts.MaxValueBytes, Free: e.opts.Transactions == NoReadLocks})
		if err == nil {
			err = a.failure()
		}
		if err != nil {
			if wrote {
				err.Code, err.Outcome, err.Message = engine.CodeUnavailable, engine.PerhapsWritten, "a part of the transaction was carried out, and then: "+err.Message
			}
			return nil, err
		}
		answers = append(answers, a)
		wrote = wrote || len(written(p.ops)) > 0
	}
	return answers, nil
}

// round counts one in which so many shards are called at once.
func round(cost *engine.Cost, calls int) {
	cost.Rounds++
	cost.Calls += calls
}

// txn is one attempt at a transaction across shards.
type txn struct {
	e      *Engine
	cost   *engine.Cost
	id     string
	parts  []part
	shards []int
	begun  uint64
}

func (t *txn) run(ctx context.Context) ([]answer, *engine.Error) {
	answers, err := t.prepare(ctx)
	if err != nil {
		// No commit was proposed, nor will be. A prepare that arrives later is aborted when its shard asks.
		t.finish(ctx, false)
		return nil, err
	}
	if t.e.opts.Transactions == MemoryCoordinator {
		ctx, cancel := hungUp(ctx)
		defer cancel()
		return answers, t.tell(ctx)
	}
	round(t.cost, 1)
	// From here on it may happen, whether or not the client is still there to hear of it.
	decides, cancel := hungUp(ctx)
	defer cancel()
	commit, err := t.e.decide(decides, t.shards[0], call{Txn: t.id, Commit: true, Shards: t.shards, Begun: t.begun})
	if err != nil && err.Outcome == engine.PerhapsWritten {
		return nil, err
	}
	if err != nil || !commit {
		t.finish(ctx, false)
		if err == nil {
			err = &engine.Error{Code: engine.CodeAborted, Outcome: engine.NotWritten, Message: "the transaction took so long that its shards took it for lost, and aborted it"}
		}
		return nil, err
	}
	// It has happened. Where it does not finish now, the shards do it by themselves.
	t.finish(ctx, true)
	return answers, nil
}

// hungUp is ctx for what goes on when a client has hung up: its deadline, which the node has set, still holds.
func hungUp(ctx context.Context) (context.Context, context.CancelFunc) {
	if until, ok := ctx.Deadline(); ok {
		return context.WithDeadline(context.WithoutCancel(ctx), until)
	}
	return context.WithCancel(context.WithoutCancel(ctx))
}

// prepare has all shards vote. An error says that not all have voted to commit.
func (t *txn) prepare(ctx context.Context) ([]answer, *engine.Error) {
	round(t.cost, len(t.parts))
	answers, errs := make([]answer, len(t.parts)), make([]*engine.Error, len(t.parts))
	var wg sync.WaitGroup
	for i, p := range t.parts {
		wg.Go(func() {
			answers[i], errs[i] = t.e.call(ctx, p.shard, call{Verb: prepare, Txn: t.id, Ops: p.ops, Limit: t.e.opts.MaxValueBytes,
				Home: t.shards[0], Shards: t.shards, Free: t.e.opts.Transactions == NoReadLocks, Early: t.e.node.Defects.Has(defect.UnlockReadsEarly)})
			if errs[i] == nil {
				errs[i] = answers[i].failure()
			}
		})
	}
	wg.Wait()
	// A condition that does not hold says more than a lock that was met, for which it would be tried again.
	slices.SortStableFunc(errs, func(a, b *engine.Error) int { return rank(a) - rank(b) })
	if err := errs[0]; err != nil {
		err.Outcome = engine.NotWritten
		return nil, err
	}
	return answers, nil
}

func rank(err *engine.Error) int {
	switch {
	case err == nil:
		return 3
	case err.Code == engine.CodeConflict:
		return 0
	case err.Code == engine.CodeAborted:
		return 2
	}
	return 1
}

// tell is the end of a transaction of MemoryCoordinator: shards are told one after the other, and nobody else knows.
func (t *txn) tell(ctx context.Context) *engine.Error {
	for _, s := range t.shards {
		round(t.cost, 1)
		a, err := t.e.call(ctx, s, call{Verb: finish, Txn: t.id, Commit: true})
		if err == nil && a.Status != done {
			err = &engine.Error{Code: engine.CodeUnavailable, Message: "a shard has aborted the transaction by itself"}
		}
		if err != nil {
			err.Outcome, err.Message = engine.PerhapsWritten, "not all shards carried out the transaction: "+err.Message
			return err
		}
	}
	return nil
}

// finish tells the shards what was decided. It waits as long as ctx does, and goes on without it: who hangs up, or has no time left, must not leave locks.
func (t *txn) finish(ctx context.Context, commit bool) {
	round(t.cost, len(t.shards))
	e, told := t.e, make(chan struct{})
	if !e.later(func() {
		defer close(told)
		ctx, cancel := context.WithTimeout(e.ctx, e.node.RequestTimeout)
		defer cancel()
		if e.finish(ctx, t.shards, t.id, commit) && commit {
			e.forgetLater(decided{t.shards[0], t.id})
		}
	}) {
		return // recovery does it, here after a restart or elsewhere
	}
	select {
	case <-told:
	case <-ctx.Done():
	}
}

// finish tells shards what was decided, and reports whether all have heard it.
func (e *Engine) finish(ctx context.Context, shards []int, id string, commit bool) bool {
	heard := make([]bool, len(shards))
	var wg sync.WaitGroup
	for i, s := range shards {
		wg.Go(func() {
			_, err := e.call(ctx, s, call{Verb: finish, Txn: id, Commit: commit})
			heard[i] = err == nil
		})
	}
	wg.Wait()
	return !slices.Contains(heard, false)
}

// decide proposes a decision to the home shard, and returns the one that stands.
func (e *Engine) decide(ctx context.Context, home int, c call) (commit bool, err *engine.Error) {
	c.Verb = decide
	a, err := e.call(ctx, home, c)
	return a.Commit, err
}

// call has a shard carry out a call.
func (e *Engine) call(ctx context.Context, shard int, c call) (a answer, failure *engine.Error) {
	body, err := json.Marshal(c)
	if err != nil {
		return a, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.NotWritten, Message: err.Error()}
	}
	b, err := e.shards[shard].Call(ctx, body)
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err != nil {
		return a, failed(err, shard, engine.PerhapsWritten)
	}
	return a, nil
}

// failed is the error of a shard as it is reported; one that does not say what became of the call has that outcome.
func failed(err error, shard int, otherwise engine.Outcome) (out *engine.Error) {
	if errors.As(err, &out) {
		out.Message = shardName(shard) + ": " + out.Message
		return out
	}
	return &engine.Error{Code: engine.CodeUnavailable, Outcome: otherwise, Message: shardName(shard) + ": " + err.Error()}
}

// failure is the error of what a shard did not do; nil if it did.
func (a answer) failure() *engine.Error {
	switch a.Status {
	case conflict:
		return &engine.Error{Code: engine.CodeAborted, Outcome: engine.NotWritten, Message: a.Why}
	case refused:
		return &engine.Error{Code: engine.CodeConflict, Outcome: engine.NotWritten, Message: a.Why}
	}
	return nil
}
