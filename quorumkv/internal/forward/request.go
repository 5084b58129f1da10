// Package forward brings a client's request from the node that took it to the leader, and the reply back, over links on
// which messages get lost.
package forward

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// Request is what travels: one of these.
type Request struct {
	Write  *engine.WriteRequest  `json:"write,omitempty"`
	Update *engine.UpdateRequest `json:"update,omitempty"`
	Read   *engine.ReadRequest   `json:"read,omitempty"`
	View   *engine.ViewRequest   `json:"view,omitempty"`
	Own    json.RawMessage       `json:"own,omitempty"` // what nodes of the mode ask each other
}

// Writes tells whether the request changes anything.
func (q Request) Writes() bool { return q.Write != nil || q.Update != nil }

// Failed is the reply to a request that came to nothing. The outcome is of writes: reads have none.
func (q Request) Failed(code engine.Code, o engine.Outcome, message string) Reply {
	if !q.Writes() {
		o = ""
	}
	return Reply{Error: &engine.Error{Code: code, Outcome: o, Message: message}}
}

// Late is the reply when nothing was heard, before ctx ended, of what may have been done. It says message, unless the client went away.
func (q Request) Late(ctx context.Context, message string) Reply {
	if errors.Is(ctx.Err(), context.Canceled) {
		return q.Failed(engine.CodeCanceled, engine.PerhapsWritten, "the client went away")
	}
	return q.Failed(engine.CodeTimeout, engine.PerhapsWritten, message)
}

// Reply is what travels back: one of these.
type Reply struct {
	Written *engine.WriteResult `json:"written,omitempty"`
	Read    *engine.ReadResult  `json:"read,omitempty"`
	View    *engine.View        `json:"view,omitempty"`
	Own     json.RawMessage     `json:"own,omitempty"`
	Error   *engine.Error       `json:"error,omitempty"`
}

// OfWrite is the reply to a write or an update.
func (r Reply) OfWrite() (engine.WriteResult, *engine.Error) {
	if r.Error != nil {
		return engine.WriteResult{}, r.Error
	}
	return *r.Written, nil
}

// OfRead is the reply to a read; its error is an *engine.Error.
func (r Reply) OfRead() (engine.ReadResult, error) {
	if r.Error != nil {
		return engine.ReadResult{}, r.Error
	}
	return *r.Read, nil
}

// answers tells whether r is an answer to q.
func (r Reply) answers(q Request) bool {
	switch {
	case r.Error != nil:
		return true
	case q.Writes():
		return r.Written != nil
	case q.Read != nil:
		return r.Read != nil
	case q.Own != nil:
		return r.Own != nil
	}
	return r.View != nil
}

// checked is r if it answers q, which leader was asked.
func (r Reply) checked(q Request, leader string) Reply {
	if !r.answers(q) {
		return q.Failed(engine.CodeUnavailable, engine.PerhapsWritten, "the leader "+leader+" answered something else")
	}
	return r
}
