package singleleader

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/internal/forward"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// CompareAndSet implements engine.Engine.
func (e *Engine) CompareAndSet() bool { return true }

// Local implements engine.Engine.
func (e *Engine) Local(key string) (record.Record, error) { return e.records.get(key), nil }

// Write implements engine.Engine.
func (e *Engine) Write(ctx context.Context, req engine.WriteRequest) (engine.WriteResult, error) {
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	if req.Level == "" {
		req.Level = e.standardLevel()
	}
	if err := e.refuseWrite(req); err != nil {
		return e.requests.Wrote(engine.WriteResult{}, err)
	}
	return e.requests.Wrote(e.atLeader(ctx, forward.Request{Write: &req}).OfWrite())
}

// standardLevel is that of a write that says none.
func (e *Engine) standardLevel() string {
	if len(e.names) == 1 {
		return LevelAsync // there is no follower
	}
	return LevelSemiSync
}

func (e *Engine) refuseWrite(req engine.WriteRequest) *engine.Error {
	refuse := func(code engine.Code, format string, args ...any) *engine.Error {
		return &engine.Error{Code: code, Outcome: engine.NotWritten, Message: fmt.Sprintf(format, args...)}
	}
	n, ok := writeLevels()[req.Level]
	switch {
	case !ok:
		return refuse(engine.CodeBadLevel, "w: level %q is none of writes in mode %s; there are %s", req.Level, Mode, strings.Join(WriteLevels(), ", "))
	case e.nodesFor(n) > len(e.names):
		return refuse(engine.CodeBadLevel, "w: level %s needs a follower, and there is none", req.Level)
	}
	err := e.Agrees()
	if err != nil {
		err.Outcome = engine.NotWritten
	}
	return err
}

// Read implements engine.Engine.
func (e *Engine) Read(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error) {
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	return e.requests.Answered(e.read(ctx, req))
}

func (e *Engine) read(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error) {
	if req.Level == "" {
		req.Level = LevelLeader
	}
	if _, ok := writeLevels()[req.WriteLevel]; !slices.Contains(ReadLevels(), req.Level) || req.WriteLevel != "" && !ok {
		return engine.ReadResult{}, &engine.Error{Code: engine.CodeBadLevel, Message: fmt.Sprintf("r: level %q, w: level %q: mode %s reads at %s and writes at %s",
			req.Level, req.WriteLevel, Mode, strings.Join(ReadLevels(), ", "), strings.Join(WriteLevels(), ", "))}
	}
	if err := e.Agrees(); err != nil {
		return engine.ReadResult{}, err
	}
	if req.Level == LevelFollower || req.Level == LevelMaxLag && !e.lags() {
		return engine.ReadResult{Record: e.records.get(req.Key), R: 1, Answered: []string{e.node.Name}}, nil
	}
	return e.atLeader(ctx, forward.Request{Read: &req}).OfRead()
}

// lags reports whether this node does not know that it has all that was acknowledged the threshold ago.
func (e *Engine) lags() bool {
	s := e.status.Load()
	if e.node.Defects.Has(defect.LagLooksZero) {
		return !s.Leading && s.Applied < s.Told
	}
	if s.Leading {
		return e.opts.Failover && (!s.Ready || e.since(s.LedAsOf) > e.opts.MaxLag)
	}
	return e.since(s.CaughtUp) > e.opts.MaxLag
}

// atLeader carries a request out where the leader is, by what this node knows.
func (e *Engine) atLeader(ctx context.Context, q forward.Request) forward.Reply {
	switch leader := e.status.Load().Leader; leader {
	case "":
		return q.Failed(engine.CodeUnavailable, engine.NotWritten, "this node knows of no leader")
	case e.node.Name:
		return e.serve(ctx, q)
	default:
		return e.forward.Ask(ctx, leader, q)
	}
}

// serve carries a request out at this node, if it leads.
func (e *Engine) serve(ctx context.Context, q forward.Request) forward.Reply {
	switch {
	case q.Write != nil:
		return e.serveWrite(ctx, q)
	case q.Read != nil:
		return e.serveRead(ctx, q)
	}
	return q.Failed(engine.CodeUnavailable, "", "an empty request")
}

func (e *Engine) serveWrite(ctx context.Context, q forward.Request) forward.Reply {
	w := &write{req: *q.Write, need: writeLevels()[q.Write.Level], done: make(chan written, 1)}
	if err := e.refuseWrite(w.req); err != nil {
		return forward.Reply{Error: err}
	}
	epoch := e.status.Load().Epoch
	select {
	case e.writes <- w:
	case <-ctx.Done():
		return q.Failed(engine.CodeTimeout, engine.NotWritten, "this node is too busy")
	case <-e.Context.Done():
		return q.Failed(engine.CodeUnavailable, engine.NotWritten, "this node is stopping")
	}
	select {
	case out := <-w.done:
		switch {
		case out.err == nil:
			return forward.Reply{Written: &out.res}
		case out.err.Code == engine.CodeConflict:
			// That a condition does not hold says what the key is, as a read does.
			if err := e.confirm(ctx, epoch); err != nil {
				return q.Failed(engine.CodeUnavailable, engine.NotWritten, "the condition did not hold here, but "+err.Error())
			}
		}
		return forward.Reply{Error: out.err}
	case <-ctx.Done():
		return q.Late(ctx, fmt.Sprintf("too few nodes had the write in time: level %s needs %d", q.Write.Level, e.nodesFor(w.need)))
	case <-e.Context.Done():
		return q.Failed(engine.CodeUnavailable, engine.PerhapsWritten, "this node is stopping")
	}
}

func (e *Engine) serveRead(ctx context.Context, q forward.Request) forward.Reply {
	s := e.status.Load()
	if !s.Ready {
		return q.Failed(engine.CodeUnavailable, "", "this node does not lead, or not yet")
	}
	if err := e.confirm(ctx, s.Epoch); err != nil {
		return q.Failed(engine.CodeUnavailable, "", err.Error())
	}
	rec := e.records.get(q.Read.Key)
	if now := e.status.Load(); !now.Leading || now.Epoch != s.Epoch {
		return q.Failed(engine.CodeUnavailable, "", "this node no longer leads")
	}
	return forward.Reply{Read: &engine.ReadResult{Record: rec, R: 1, Answered: []string{e.node.Name}}}
}

// confirm returns nil when this node leads in this epoch at some moment after the call. Without fencing it believes so.
func (e *Engine) confirm(ctx context.Context, epoch uint64) error {
	if e.views == nil || !e.opts.Fencing || e.node.Defects.Has(defect.ReadUnconfirmed) {
		return nil
	}
	v, _, err := e.views.current(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("that this node still leads cannot be confirmed: %w", err)
	case v != view{Epoch: epoch, Leader: e.node.Name}:
		return fmt.Errorf("%s leads in epoch %d", v.Leader, v.Epoch)
	}
	return nil
}
