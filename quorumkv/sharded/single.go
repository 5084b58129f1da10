package sharded

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// CompareAndSet implements engine.Engine.
func (e *Engine) CompareAndSet() bool { return true }

// Local implements engine.Engine: what is committed and carried out.
func (e *Engine) Local(key string) (record.Record, error) {
	return e.shards[e.shardOf(key)].Local(keyData + key)
}

// Write implements engine.Engine: a transaction of one operation, in one shard. Names of requests are not kept.
func (e *Engine) Write(ctx context.Context, req engine.WriteRequest) (engine.WriteResult, error) {
	return e.stats.Wrote(e.write(ctx, req))
}

func (e *Engine) write(ctx context.Context, req engine.WriteRequest) (engine.WriteResult, *engine.Error) {
	refuse := func(code engine.Code, message string) (engine.WriteResult, *engine.Error) {
		return engine.WriteResult{}, &engine.Error{Code: code, Outcome: engine.NotWritten, Message: message}
	}
	switch {
	case req.Level != "" && req.Level != consensus.LevelMajority:
		return refuse(engine.CodeBadLevel, fmt.Sprintf("w: level %q is not %s, the only one of writes in mode %s", req.Level, consensus.LevelMajority, Mode))
	case req.Request != "":
		return refuse(engine.CodeUnsupported, "names of requests are not kept in mode "+Mode+"; leave the name out, and compare versions before a retry")
	case len(req.Context) > 0:
		return refuse(engine.CodeBadContext, "a context is of no use in mode "+Mode+", which keeps one value of a key")
	}
	var ops []engine.Op
	if req.If != nil {
		ops = append(ops, engine.Op{Kind: engine.OpCompare, Key: req.Key, Absent: req.If.Absent, Number: req.If.Number})
	}
	op := engine.Op{Kind: engine.OpWrite, Key: req.Key, Value: req.Value}
	if req.Delete {
		op.Kind = engine.OpDelete
	}
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	parts := e.parts(append(ops, op))
	answers, err := e.untilFree(ctx, func() ([]answer, *engine.Error) { return e.oneByOne(ctx, parts, &engine.Cost{}) })
	if err != nil {
		return engine.WriteResult{}, err
	}
	v := answers[0].Version
	v.Node = e.node.Name
	return engine.WriteResult{Version: v, W: len(e.node.Names())/2 + 1, Acked: []string{e.node.Name}}, nil
}

// Read implements engine.Engine. The levels are ReadLevels.
func (e *Engine) Read(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error) {
	return e.stats.Answered(e.read(ctx, req))
}

func (e *Engine) read(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error) {
	if req.Level != "" && !slices.Contains(ReadLevels(), req.Level) || req.WriteLevel != "" && req.WriteLevel != consensus.LevelMajority {
		return engine.ReadResult{}, &engine.Error{Code: engine.CodeBadLevel,
			Message: fmt.Sprintf("r: level %q, w: level %q: mode %s reads at %s, and w is %s", req.Level, req.WriteLevel, Mode, strings.Join(ReadLevels(), ", "), consensus.LevelMajority)}
	}
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	g := e.shards[e.shardOf(req.Key)]
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		// The group's read of the lock is after the leader was confirmed; that of the value comes later still.
		res, err := g.Read(ctx, engine.ReadRequest{Key: keyLock + req.Key, Level: req.Level})
		if err != nil {
			return res, err
		}
		if req.Level == consensus.LevelFollower || e.opts.Transactions == NoReadLocks || !writing(res.Record) {
			if !slices.Contains(res.Answered, e.node.Name) { // this node has lost its disk, and what it has is not what was read
				return g.Read(ctx, engine.ReadRequest{Key: keyData + req.Key, Level: req.Level})
			}
			res.Record, err = g.Local(keyData + req.Key)
			return res, err
		}
		select {
		case <-ctx.Done():
			return engine.ReadResult{}, &engine.Error{Code: engine.CodeTimeout, Message: "a transaction that writes the key was not over in time"}
		case <-time.After(pause):
		}
	}
}
