package multileader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// CompareAndSet implements engine.Engine: there is no order of writes to compare with.
func (e *Engine) CompareAndSet() bool { return false }

// Local implements engine.Engine.
func (e *Engine) Local(key string) (record.Record, error) {
	return e.get(spaceValue + key).read().Record, nil
}

// request is what travels to the leader: one of these.
type request struct {
	Write  *engine.WriteRequest  `json:"write,omitempty"`
	Update *engine.UpdateRequest `json:"update,omitempty"`
	Read   *engine.ReadRequest   `json:"read,omitempty"`
	View   *engine.ViewRequest   `json:"view,omitempty"`
}

func (r request) writes() bool { return r.Write != nil || r.Update != nil }

// reply is what travels back: one of these.
type reply struct {
	Written *engine.WriteResult `json:"written,omitempty"`
	Read    *engine.ReadResult  `json:"read,omitempty"`
	View    *engine.View        `json:"view,omitempty"`
	Error   *engine.Error       `json:"error,omitempty"`
}

// answers tells whether r is an answer to q.
func (r reply) answers(q request) bool {
	switch {
	case r.Error != nil:
		return true
	case q.writes():
		return r.Written != nil
	case q.Read != nil:
		return r.Read != nil
	}
	return r.View != nil
}

// Write implements engine.Engine.
func (e *Engine) Write(ctx context.Context, req engine.WriteRequest) (engine.WriteResult, error) {
	return e.change(ctx, req.Level, request{Write: &req})
}

// Update implements engine.Typed.
func (e *Engine) Update(ctx context.Context, req engine.UpdateRequest) (engine.WriteResult, error) {
	return e.change(ctx, req.Level, request{Update: &req})
}

func (e *Engine) change(ctx context.Context, level string, q request) (engine.WriteResult, error) {
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	r := e.refuse(q, level, WriteLevels())
	if r.Error == nil {
		r = e.atLeader(ctx, q)
	}
	if r.Error != nil {
		e.requests.Failed(r.Error)
		return engine.WriteResult{}, r.Error
	}
	e.requests.Writes.Add(1)
	return *r.Written, nil
}

// refuse has an error if the request cannot be served.
func (e *Engine) refuse(q request, level string, known []string) reply {
	switch {
	case level != "" && !slices.Contains(known, level):
		return failed(q, engine.CodeBadLevel, engine.NotWritten, fmt.Sprintf("level %q is none in mode %s here; there is %s", level, Mode, strings.Join(known, ", ")))
	case q.Write != nil && len(q.Write.Context) > 0 && e.opts.Conflicts != Siblings:
		return failed(q, engine.CodeBadContext, engine.NotWritten, "a context is for conflicts=siblings; here it is "+string(e.opts.Conflicts))
	}
	if err := e.links.Disagreement(); err != nil {
		return failed(q, engine.CodeDisagreement, engine.NotWritten, "nothing is served: "+err.Error())
	}
	return reply{}
}

// Read implements engine.Engine.
func (e *Engine) Read(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error) {
	r := e.look(ctx, req.Level, request{Read: &req})
	if r.Error != nil {
		return engine.ReadResult{}, r.Error
	}
	return *r.Read, nil
}

// View implements engine.Typed.
func (e *Engine) View(ctx context.Context, req engine.ViewRequest) (engine.View, error) {
	r := e.look(ctx, req.Level, request{View: &req})
	if r.Error != nil {
		return engine.View{}, r.Error
	}
	return *r.View, nil
}

func (e *Engine) look(ctx context.Context, level string, q request) reply {
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	r := e.refuse(q, level, ReadLevels())
	switch {
	case r.Error != nil:
	case level == LevelLocal:
		r = e.serve(ctx, q)
	default:
		r = e.atLeader(ctx, q)
	}
	if r.Error != nil {
		e.requests.ReadsFailed.Add(1)
		return r
	}
	e.requests.Reads.Add(1)
	return r
}

// atLeader carries a request out at the leader of this node's region.
func (e *Engine) atLeader(ctx context.Context, q request) reply {
	if e.leads() {
		return e.serve(ctx, q)
	}
	leader := e.region.Nodes[0]
	body, err := json.Marshal(q)
	if err != nil {
		return failed(q, engine.CodeUnavailable, engine.NotWritten, "forward the request: "+err.Error())
	}
	id, answer := e.calls.Add(1), make(chan reply, 1)
	e.replies.Store(id, answer)
	defer e.replies.Delete(id)
	if err := e.send(leader, message{What: whatRequest, ID: id, Body: body}); err != nil {
		return failed(q, engine.CodeUnavailable, engine.NotWritten, fmt.Sprintf("the leader %s of this region: %v", leader, err))
	}
	select {
	case got := <-answer:
		if !got.answers(q) {
			return failed(q, engine.CodeUnavailable, engine.PerhapsWritten, "the leader "+leader+" answered something else")
		}
		return got
	case <-ctx.Done():
		return late(ctx, q, "the leader "+leader+" did not answer in time")
	case <-e.ctx.Done():
		return failed(q, engine.CodeUnavailable, engine.PerhapsWritten, "this node is stopping")
	}
}

// failed is the reply to a request that came to nothing. Reads have no outcome.
func failed(q request, code engine.Code, o engine.Outcome, message string) reply {
	if !q.writes() {
		o = ""
	}
	return reply{Error: &engine.Error{Code: code, Outcome: o, Message: message}}
}

// late is the reply when nothing was heard of what may have been done.
func late(ctx context.Context, q request, message string) reply {
	if errors.Is(ctx.Err(), context.Canceled) {
		return failed(q, engine.CodeCanceled, engine.PerhapsWritten, "the client went away")
	}
	return failed(q, engine.CodeTimeout, engine.PerhapsWritten, message)
}

// serve carries a request out at this node.
func (e *Engine) serve(ctx context.Context, q request) reply {
	here := []string{e.node.Name}
	switch {
	case q.Read != nil:
		res := e.get(spaceValue + q.Read.Key).read()
		res.R, res.Answered = 1, here
		return reply{Read: &res}
	case q.View != nil:
		space := spaceCounter
		if q.View.Type == engine.Set {
			space = spaceSet
		}
		v := e.get(space + q.View.Key).view(q.View.Type)
		v.Answered = here
		return reply{View: &v}
	case !q.writes():
		return failed(q, engine.CodeUnavailable, "", "an empty request")
	}
	t := &task{write: q.Write, update: q.Update, done: make(chan done, 1)}
	select {
	case e.work <- t:
	case <-ctx.Done():
		return failed(q, engine.CodeTimeout, engine.NotWritten, "this node is too busy")
	case <-e.ctx.Done():
		return failed(q, engine.CodeUnavailable, engine.NotWritten, "this node is stopping")
	}
	select {
	case d := <-t.done:
		if d.err != nil {
			return reply{Error: d.err}
		}
		return reply{Written: &engine.WriteResult{Version: d.version, W: 1, Acked: here}}
	case <-ctx.Done():
		return late(ctx, q, "the disk did not answer in time")
	case <-e.ctx.Done():
		return failed(q, engine.CodeUnavailable, engine.PerhapsWritten, "this node is stopping")
	}
}

// forwarded carries out a request of another node and answers it. A node that does not lead was taken for a leader by one that is
// configured otherwise, with which there is no connection.
func (e *Engine) forwarded(m message) {
	defer func() { <-e.slots }()
	var q request
	out := failed(q, engine.CodeUnavailable, "", "malformed request")
	if err := json.Unmarshal(m.Body, &q); err == nil {
		ctx, cancel := context.WithTimeout(e.ctx, e.node.RequestTimeout)
		out = e.serve(ctx, q)
		cancel()
	}
	body, err := json.Marshal(out)
	if err != nil {
		e.node.Logger.Error("a reply cannot be encoded", "error", err)
		return
	}
	_ = e.send(m.from, message{What: whatReply, ID: m.ID, Body: body}) // lost is as good as late
}

// replied hands a reply to who waits for it.
func (e *Engine) replied(m message) {
	c, ok := e.replies.Load(m.ID)
	if !ok {
		return
	}
	var r reply
	if err := json.Unmarshal(m.Body, &r); err != nil {
		e.node.Logger.Warn("malformed reply", "from", m.from, "error", err)
		return
	}
	select {
	case c.(chan reply) <- r:
	default: // a second reply
	}
}
