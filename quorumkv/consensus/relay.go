package consensus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/internal/forward"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// own is what nodes ask each other beyond the requests of clients: one of these.
type own struct {
	Status   bool                   `json:"status,omitempty"`   // the members
	Change   *protocol.MemberChange `json:"change,omitempty"`   // of the members
	Call     []byte                 `json:"call,omitempty"`     // of the group's procedure
	Position bool                   `json:"position,omitempty"` // that the log has reached
	Newcomer bool                   `json:"newcomer,omitempty"` // what a node says of itself; all others are for members
}

func (q own) request() forward.Request {
	b, err := json.Marshal(q)
	if err != nil {
		b = nil // no such thing has a value that JSON lacks; an empty request is refused
	}
	return forward.Request{Own: b}
}

// readOwn reads the reply to what request has made.
func readOwn(r forward.Reply, into any) error {
	if err := json.Unmarshal(r.Own, into); err != nil {
		return fmt.Errorf("malformed reply: %w", err)
	}
	return nil
}

// relay has a member carry q out, for this node is none. Who says that it is none has done nothing, and the next is asked.
func (e *Engine) relay(ctx context.Context, q forward.Request) forward.Reply {
	again := time.NewTicker(e.tick())
	defer again.Stop()
	for {
		if err := e.Agrees(); err != nil {
			return q.Failed(err.Code, engine.NotWritten, err.Message)
		}
		for _, node := range e.helpers() {
			r := e.desk.Ask(ctx, node, q)
			if r.Error == nil || r.Error.Code != engine.CodeNoMember {
				if r.Error == nil {
					e.helper.Store(&node)
				}
				return r
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			why := e.silent()
			if why == "" {
				why = e.node.Name + " is no member of the group"
			}
			return q.Failed(engine.CodeNoMember, engine.NotWritten, why+"; it reaches no member that counts")
		case <-e.Context.Done():
			return q.Failed(engine.CodeUnavailable, engine.NotWritten, "this node is stopping")
		}
	}
}

// helpers are the nodes that this one reaches, that which has helped last first.
func (e *Engine) helpers() []string {
	var out []string
	for name, p := range e.Links.Describe() {
		if p.Connected {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	if last := e.helper.Load(); last != nil {
		if i := slices.Index(out, *last); i > 0 {
			out[0], out[i] = out[i], out[0]
		}
	}
	return out
}

// serve carries out what another node was asked, if this one is a member.
func (e *Engine) serve(ctx context.Context, q forward.Request) forward.Reply {
	var o own
	if q.Own != nil {
		if err := json.Unmarshal(q.Own, &o); err != nil {
			return q.Failed(engine.CodeUnavailable, engine.NotWritten, "malformed request")
		}
	}
	if o.Newcomer {
		return answerOwn(e.introduce(), nil)
	}
	if !e.counts() {
		return q.Failed(engine.CodeNoMember, engine.NotWritten, e.node.Name+" is no member of the group")
	}
	switch {
	case o.Status:
		return answerOwn(e.view(), nil)
	case o.Change != nil:
		m, err := e.ChangeMembers(ctx, *o.Change)
		return answerOwn(m, err)
	case o.Position:
		at, err := e.Position(ctx)
		return answerOwn(at, err)
	case o.Call != nil:
		b, err := e.Call(ctx, o.Call)
		return answerOwn(b, err)
	case q.Write != nil:
		res, err := e.write(ctx, *q.Write)
		if err != nil {
			return forward.Reply{Error: err}
		}
		return forward.Reply{Written: &res}
	case q.Read != nil:
		res, err := e.read(ctx, *q.Read)
		return reply(forward.Reply{Read: &res}, err)
	}
	return q.Failed(engine.CodeUnavailable, "", "an empty request")
}

func answerOwn(v any, err error) forward.Reply {
	b, wrong := json.Marshal(v)
	return reply(forward.Reply{Own: b}, errors.Join(err, wrong))
}

// reply is r, or err in the form in which it travels.
func reply(r forward.Reply, err error) forward.Reply {
	var e *engine.Error
	switch {
	case err == nil:
		return r
	case errors.As(err, &e):
		return forward.Reply{Error: e}
	}
	return forward.Reply{Error: &engine.Error{Code: engine.CodeUnavailable, Message: err.Error()}}
}
