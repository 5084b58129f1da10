package multileader

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/internal/forward"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// CompareAndSet implements engine.Engine: there is no order of writes to compare with.
func (e *Engine) CompareAndSet() bool { return false }

// Local implements engine.Engine.
func (e *Engine) Local(key string) (record.Record, error) {
	return e.get(spaceValue + key).read().Record, nil
}

// Write implements engine.Engine.
func (e *Engine) Write(ctx context.Context, req engine.WriteRequest) (engine.WriteResult, error) {
	return e.change(ctx, req.Level, forward.Request{Write: &req})
}

// Update implements engine.Typed.
func (e *Engine) Update(ctx context.Context, req engine.UpdateRequest) (engine.WriteResult, error) {
	return e.change(ctx, req.Level, forward.Request{Update: &req})
}

func (e *Engine) change(ctx context.Context, level string, q forward.Request) (engine.WriteResult, error) {
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	r := e.refuse(ctx, q, level, WriteLevels())
	if r.Error == nil {
		r = e.atLeader(ctx, q)
	}
	return e.requests.Wrote(r.OfWrite())
}

// refuse has an error if the request cannot be served.
func (e *Engine) refuse(ctx context.Context, q forward.Request, level string, known []string) forward.Reply {
	switch {
	case level != "" && !slices.Contains(known, level):
		return q.Failed(engine.CodeBadLevel, engine.NotWritten, fmt.Sprintf("level %q is none in mode %s here; there is %s", level, Mode, strings.Join(known, ", ")))
	case q.Write != nil && len(q.Write.Context) > 0 && e.opts.Conflicts != Siblings:
		return q.Failed(engine.CodeBadContext, engine.NotWritten, "a context is for conflicts=siblings; here it is "+string(e.opts.Conflicts))
	}
	if err := e.Met(ctx); err != nil {
		return q.Failed(err.Code, engine.NotWritten, err.Message)
	}
	return forward.Reply{}
}

// Read implements engine.Engine.
func (e *Engine) Read(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error) {
	return e.look(ctx, req.Level, forward.Request{Read: &req}).OfRead()
}

// View implements engine.Typed.
func (e *Engine) View(ctx context.Context, req engine.ViewRequest) (engine.View, error) {
	r := e.look(ctx, req.Level, forward.Request{View: &req})
	if r.Error != nil {
		return engine.View{}, r.Error
	}
	return *r.View, nil
}

func (e *Engine) look(ctx context.Context, level string, q forward.Request) forward.Reply {
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	r := e.refuse(ctx, q, level, ReadLevels())
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
func (e *Engine) atLeader(ctx context.Context, q forward.Request) forward.Reply {
	if e.leads() {
		return e.serve(ctx, q)
	}
	return e.forward.Ask(ctx, e.region.Nodes[0], q)
}

// serve carries a request out at this node. A node that does not lead was taken for a leader by one that is configured otherwise, with
// which there is no connection.
func (e *Engine) serve(ctx context.Context, q forward.Request) forward.Reply {
	here := []string{e.node.Name}
	switch {
	case q.Read != nil:
		res := e.get(spaceValue + q.Read.Key).read()
		res.R, res.Answered = 1, here
		return forward.Reply{Read: &res}
	case q.View != nil:
		space := map[engine.Type]string{engine.Counter: spaceCounter, engine.Set: spaceSet, engine.Map: spaceMap}[q.View.Type]
		v := e.get(space + q.View.Key).view(q.View.Type)
		v.Answered = here
		return forward.Reply{View: &v}
	case !q.Writes():
		return q.Failed(engine.CodeUnavailable, "", "an empty request")
	}
	t := &task{write: q.Write, update: q.Update, done: make(chan done, 1)}
	select {
	case e.work <- t:
	case <-ctx.Done():
		return q.Failed(engine.CodeTimeout, engine.NotWritten, "this node is too busy")
	case <-e.Context.Done():
		return q.Failed(engine.CodeUnavailable, engine.NotWritten, "this node is stopping")
	}
	select {
	case d := <-t.done:
		if d.err != nil {
			return forward.Reply{Error: d.err}
		}
		return forward.Reply{Written: &engine.WriteResult{Version: d.version, W: 1, Acked: here}}
	case <-ctx.Done():
		return q.Late(ctx, "the disk did not answer in time")
	case <-e.Context.Done():
		return q.Failed(engine.CodeUnavailable, engine.PerhapsWritten, "this node is stopping")
	}
}
