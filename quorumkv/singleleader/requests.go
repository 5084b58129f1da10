package singleleader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// CompareAndSet implements engine.Engine.
func (e *Engine) CompareAndSet() bool { return true }

// Local implements engine.Engine.
func (e *Engine) Local(key string) (record.Record, error) { return e.records.get(key), nil }

// request is what travels to the leader.
type request struct {
	Write *engine.WriteRequest `json:"write,omitempty"`
	Read  *engine.ReadRequest  `json:"read,omitempty"`
}

// reply is what travels back: one of these.
type reply struct {
	Written *engine.WriteResult `json:"written,omitempty"`
	Read    *engine.ReadResult  `json:"read,omitempty"`
	Error   *engine.Error       `json:"error,omitempty"`
}

// Write implements engine.Engine.
func (e *Engine) Write(ctx context.Context, req engine.WriteRequest) (engine.WriteResult, error) {
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	if req.Level == "" {
		req.Level = e.standardLevel()
	}
	var r reply
	err := e.refuseWrite(req)
	if err == nil {
		r = e.atLeader(ctx, request{Write: &req})
		err = r.Error
	}
	if err != nil {
		e.requests.Failed(err)
		return engine.WriteResult{}, err
	}
	e.requests.Writes.Add(1)
	return *r.Written, nil
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
	if err := e.links.Disagreement(); err != nil {
		return refuse(engine.CodeDisagreement, "nothing is served: %v", err)
	}
	return nil
}

// Read implements engine.Engine.
func (e *Engine) Read(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error) {
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	res, err := e.read(ctx, req)
	if err != nil {
		e.requests.ReadsFailed.Add(1)
		return engine.ReadResult{}, err
	}
	e.requests.Reads.Add(1)
	return res, nil
}

func (e *Engine) read(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error) {
	if req.Level == "" {
		req.Level = LevelLeader
	}
	if _, ok := writeLevels()[req.WriteLevel]; !slices.Contains(ReadLevels(), req.Level) || req.WriteLevel != "" && !ok {
		return engine.ReadResult{}, &engine.Error{Code: engine.CodeBadLevel, Message: fmt.Sprintf("r: level %q, w: level %q: mode %s reads at %s and writes at %s",
			req.Level, req.WriteLevel, Mode, strings.Join(ReadLevels(), ", "), strings.Join(WriteLevels(), ", "))}
	}
	if err := e.links.Disagreement(); err != nil {
		return engine.ReadResult{}, &engine.Error{Code: engine.CodeDisagreement, Message: "nothing is served: " + err.Error()}
	}
	if req.Level == LevelFollower || req.Level == LevelMaxLag && !e.lags() {
		return engine.ReadResult{Record: e.records.get(req.Key), R: 1, Answered: []string{e.node.Name}}, nil
	}
	r := e.atLeader(ctx, request{Read: &req})
	if r.Error != nil {
		return engine.ReadResult{}, r.Error
	}
	return *r.Read, nil
}

// lags reports whether this node has been without all that its leader has for longer than the threshold.
func (e *Engine) lags() bool {
	s := e.status.Load()
	if e.node.Defects.Has(defect.LagLooksZero) {
		return !s.Leading && s.Applied < s.Told
	}
	return !s.Leading && time.Since(s.CaughtUp) > e.opts.MaxLag
}

// atLeader carries a request out where the leader is, by what this node knows.
func (e *Engine) atLeader(ctx context.Context, r request) reply {
	s := e.status.Load()
	switch s.Leader {
	case "":
		return failed(r, engine.CodeUnavailable, engine.NotWritten, "this node knows of no leader")
	case e.node.Name:
		return e.serve(ctx, r)
	}
	body, err := json.Marshal(r)
	if err != nil {
		return failed(r, engine.CodeUnavailable, engine.NotWritten, "forward the request: "+err.Error())
	}
	id, answer := e.calls.Add(1), make(chan reply, 1)
	e.replies.Store(id, answer)
	defer e.replies.Delete(id)
	if err := e.send(s.Leader, message{Kind: kindRequest, ID: id, Body: body}); err != nil {
		return failed(r, engine.CodeUnavailable, engine.NotWritten, fmt.Sprintf("the leader %s: %v", s.Leader, err))
	}
	select {
	case got := <-answer:
		if got.Error == nil && (r.Write == nil) != (got.Written == nil) {
			return failed(r, engine.CodeUnavailable, engine.PerhapsWritten, "the leader "+s.Leader+" answered something else")
		}
		return got
	case <-ctx.Done():
		return e.late(ctx, r, "the leader "+s.Leader+" did not answer in time")
	case <-e.ctx.Done():
		return failed(r, engine.CodeUnavailable, engine.PerhapsWritten, "this node is stopping")
	}
}

// failed is the reply to a request that came to nothing. Reads have no outcome.
func failed(r request, code engine.Code, o engine.Outcome, message string) reply {
	if r.Write == nil {
		o = ""
	}
	return reply{Error: &engine.Error{Code: code, Outcome: o, Message: message}}
}

// late is the reply when nothing was heard of what may have been done.
func (e *Engine) late(ctx context.Context, r request, message string) reply {
	if errors.Is(ctx.Err(), context.Canceled) {
		return failed(r, engine.CodeCanceled, engine.PerhapsWritten, "the client went away")
	}
	return failed(r, engine.CodeTimeout, engine.PerhapsWritten, message)
}

// serve carries a request out at this node, if it leads.
func (e *Engine) serve(ctx context.Context, r request) reply {
	switch {
	case r.Write != nil:
		return e.serveWrite(ctx, r)
	case r.Read != nil:
		return e.serveRead(ctx, r)
	}
	return failed(r, engine.CodeUnavailable, "", "an empty request")
}

func (e *Engine) serveWrite(ctx context.Context, r request) reply {
	w := &write{req: *r.Write, need: writeLevels()[r.Write.Level], done: make(chan written, 1)}
	if err := e.refuseWrite(w.req); err != nil {
		return reply{Error: err}
	}
	epoch := e.status.Load().Epoch
	select {
	case e.writes <- w:
	case <-ctx.Done():
		return failed(r, engine.CodeTimeout, engine.NotWritten, "this node is too busy")
	case <-e.ctx.Done():
		return failed(r, engine.CodeUnavailable, engine.NotWritten, "this node is stopping")
	}
	select {
	case out := <-w.done:
		switch {
		case out.err == nil:
			return reply{Written: &out.res}
		case out.err.Code == engine.CodeConflict:
			// That a condition does not hold says what the key is, as a read does.
			if err := e.confirm(ctx, epoch); err != nil {
				return failed(r, engine.CodeUnavailable, engine.NotWritten, "the condition did not hold here, but "+err.Error())
			}
		}
		return reply{Error: out.err}
	case <-ctx.Done():
		return e.late(ctx, r, fmt.Sprintf("too few nodes had the write in time: level %s needs %d", r.Write.Level, e.nodesFor(w.need)))
	case <-e.ctx.Done():
		return failed(r, engine.CodeUnavailable, engine.PerhapsWritten, "this node is stopping")
	}
}

func (e *Engine) serveRead(ctx context.Context, r request) reply {
	s := e.status.Load()
	if !s.Ready {
		return failed(r, engine.CodeUnavailable, "", "this node does not lead, or not yet")
	}
	if err := e.confirm(ctx, s.Epoch); err != nil {
		return failed(r, engine.CodeUnavailable, "", err.Error())
	}
	rec := e.records.get(r.Read.Key)
	if now := e.status.Load(); !now.Leading || now.Epoch != s.Epoch {
		return failed(r, engine.CodeUnavailable, "", "this node no longer leads")
	}
	return reply{Read: &engine.ReadResult{Record: rec, R: 1, Answered: []string{e.node.Name}}}
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

// forwarded carries out a request of another node and answers it.
func (e *Engine) forwarded(m message) {
	defer func() { <-e.slots }()
	var r request
	out := failed(r, engine.CodeUnavailable, engine.NotWritten, "malformed request")
	if err := json.Unmarshal(m.Body, &r); err == nil {
		ctx, cancel := context.WithTimeout(e.ctx, e.node.RequestTimeout)
		out = e.serve(ctx, r)
		cancel()
	}
	body, err := json.Marshal(out)
	if err != nil {
		e.node.Logger.Error("a reply cannot be encoded", "error", err)
		return
	}
	_ = e.send(m.from, message{Kind: kindReply, ID: m.ID, Body: body}) // lost is as good as late
}

// replied hands a reply to who waits for it.
func (e *Engine) replied(m message) {
	c, ok := e.replies.Load(m.ID)
	if !ok {
		return
	}
	var r reply
	if err := json.Unmarshal(m.Body, &r); err != nil || r.Written == nil && r.Read == nil && r.Error == nil {
		e.node.Logger.Warn("malformed reply", "from", m.from, "error", err)
		return
	}
	select {
	case c.(chan reply) <- r:
	default: // a second reply
	}
}
