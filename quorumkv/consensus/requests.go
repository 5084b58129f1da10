package consensus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/internal/forward"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// CompareAndSet implements engine.Engine.
func (e *Engine) CompareAndSet() bool { return true }

// Local implements engine.Engine.
func (e *Engine) Local(key string) (record.Record, error) {
	leave, err := e.enter()
	if err != nil {
		return record.Record{}, err
	}
	defer leave()
	return e.machine.get(key)
}

// Write implements engine.Engine. The version of a write is its position in the log.
func (e *Engine) Write(ctx context.Context, req engine.WriteRequest) (engine.WriteResult, error) {
	return e.stats.Wrote(e.carryOut(ctx, req))
}

// carryOut has a member write, if this node is none.
func (e *Engine) carryOut(ctx context.Context, req engine.WriteRequest) (engine.WriteResult, *engine.Error) {
	if e.counts() {
		return e.write(ctx, req)
	}
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	return e.relay(ctx, forward.Request{Write: &req}).OfWrite()
}

func (e *Engine) write(ctx context.Context, req engine.WriteRequest) (engine.WriteResult, *engine.Error) {
	if req.Level != "" && req.Level != LevelMajority {
		return engine.WriteResult{}, &engine.Error{Code: engine.CodeBadLevel, Outcome: engine.NotWritten,
			Message: fmt.Sprintf("w: level %q is not %s, the only one of writes in mode %s", req.Level, LevelMajority, Mode)}
	}
	if err := e.Agrees(); err != nil {
		err.Outcome = engine.NotWritten
		return engine.WriteResult{}, err
	}
	id := "client/" + req.Request
	if req.Request == "" {
		id = e.requestName()
	}
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	out, err := e.propose(ctx, command{ID: id, Key: req.Key, Value: req.Value, Delete: req.Delete, If: req.If})
	if err != nil {
		return engine.WriteResult{}, err
	}
	if err := out.failure(); err != nil {
		return engine.WriteResult{}, err
	}
	return engine.WriteResult{Version: out.Version, W: e.majority(), Acked: []string{e.node.Name}}, nil
}

// requestName is one that no request has had.
func (e *Engine) requestName() string {
	return fmt.Sprintf("%s/%x/%d", e.node.Name, e.life, e.requests.Add(1))
}

// propose returns what became of a command once this node has applied it, if that is before ctx ends.
func (e *Engine) propose(ctx context.Context, c command) (outcome, *engine.Error) {
	c.Base, c.Node = e.status.Load().Applied, e.node.Name
	p := &proposal{id: c.ID, command: c.marshal(), result: make(chan outcome, 1)}
	select {
	case e.proposals <- p:
	case <-ctx.Done():
		return outcome{}, e.unwritten(ctx, false)
	case <-e.Context.Done():
		return outcome{}, e.unwritten(ctx, false)
	}
	select {
	case out := <-p.result:
		return out, nil
	case <-ctx.Done():
	case <-e.Context.Done():
	}
	return outcome{}, e.unwritten(ctx, p.abandon())
}

// unwritten is the error of a write that nothing was heard of.
func (e *Engine) unwritten(ctx context.Context, perhaps bool) *engine.Error {
	err := e.late(ctx)
	err.Outcome, err.Message = engine.NotWritten, err.Message+": nothing was proposed"
	if perhaps {
		err.Outcome, err.Message = engine.PerhapsWritten, "the write was proposed and not seen to be committed in time; it may be, or may yet be"
	}
	return err
}

// late is why there is no answer.
func (e *Engine) late(ctx context.Context) *engine.Error {
	err := &engine.Error{Code: engine.CodeTimeout, Needed: e.majority(), Message: "no majority answered in time"}
	switch {
	case e.Context.Err() != nil:
		err.Code, err.Message = engine.CodeUnavailable, "this node is stopping"
	case errors.Is(ctx.Err(), context.Canceled):
		err.Code, err.Message = engine.CodeCanceled, "the client went away"
	case e.status.Load().Leader == "":
		err.Code, err.Message = engine.CodeUnavailable, "this node knows of no leader"
	}
	return err
}

// Read implements engine.Engine. The levels are ReadLevels.
func (e *Engine) Read(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error) {
	return e.stats.Answered(e.look(ctx, req))
}

// look has a member read, if this node is none.
func (e *Engine) look(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error) {
	if e.counts() || e.node.Defects.Has(defect.ServeBeforeCaughtUp) && e.lost() == "" {
		return e.read(ctx, req)
	}
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	return e.relay(ctx, forward.Request{Read: &req}).OfRead()
}

func (e *Engine) read(ctx context.Context, req engine.ReadRequest) (engine.ReadResult, error) {
	level := req.Level
	if level == "" {
		level = LevelReadIndex
	}
	if !slices.Contains(ReadLevels(), level) || req.WriteLevel != "" && req.WriteLevel != LevelMajority {
		return engine.ReadResult{}, &engine.Error{Code: engine.CodeBadLevel,
			Message: fmt.Sprintf("r: level %q, w: level %q: mode %s reads at %s, and w is %s", req.Level, req.WriteLevel, Mode, strings.Join(ReadLevels(), ", "), LevelMajority)}
	}
	if err := e.Agrees(); err != nil {
		return engine.ReadResult{}, err
	}
	needed := 1
	r := &readRequest{key: req.Key, lease: level == LevelLease, ready: make(chan struct{})}
	here := level == LevelFollower || level == LevelMaxLag && e.fresh()
	if !here && e.counts() { // else a member reads, but for a defect
		needed = e.majority()
		if err := e.await(ctx, r); err != nil {
			return engine.ReadResult{}, err
		}
	}
	rec, err := e.Local(r.key)
	if err != nil {
		return engine.ReadResult{}, err
	}
	return engine.ReadResult{Record: rec, R: needed, Answered: []string{e.node.Name}}, nil
}

// fresh reports whether this node knows that it has all that was acknowledged the threshold ago.
func (e *Engine) fresh() bool {
	asOf := e.status.Load().FreshAsOf
	return !asOf.IsZero() && time.Since(asOf) <= e.opts.MaxLag
}

// await returns when the machine has all that was acknowledged before.
func (e *Engine) await(ctx context.Context, r *readRequest) error {
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	r.gone = ctx.Done()
	select {
	case e.readRequests <- r:
	case <-ctx.Done():
		return e.late(ctx)
	case <-e.Context.Done():
		return e.late(ctx)
	}
	select {
	case <-r.ready:
		return nil
	case <-ctx.Done():
	case <-e.Context.Done():
	}
	return e.late(ctx)
}
