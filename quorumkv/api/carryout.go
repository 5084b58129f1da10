package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

// answer is what a client is told of a read or a write of a key, however it asked: with a failure, that alone.
type answer struct {
	status  int
	failure *protocol.Failure
	compact.Answer
}

func refused(status int, f *protocol.Failure) answer { return answer{status: status, failure: f} }

// enter takes part of the bound on concurrent requests until leave is called, or says why not.
func (h *Handler) enter() (leave func(), refusal *answer) {
	if h.stopping.Load() {
		a := refused(http.StatusServiceUnavailable, &protocol.Failure{Code: protocol.CodeStopping, Message: "this node is stopping"})
		return nil, &a
	}
	select {
	case h.slots <- struct{}{}:
		return h.leave, nil
	default:
		a := refused(http.StatusTooManyRequests, &protocol.Failure{Code: protocol.CodeOverloaded,
			Message: fmt.Sprintf("%d requests are being served, more are refused", cap(h.slots))})
		return nil, &a
	}
}

// carryOut serves a request for a key, however it came. The answer's failure says the outcome of a write.
func (h *Handler) carryOut(ctx context.Context, req *compact.Request) answer {
	if bad := h.check(req); bad != nil {
		if req.Op != compact.Get {
			bad.failure.Outcome = protocol.NotWritten
		}
		return *bad
	}
	key := tenant.Scope(req.Tenant, req.Key)
	if req.Op == compact.Get {
		return h.readKey(ctx, req, key)
	}
	return h.writeKey(ctx, req, key)
}

// check is why a request is refused before anything is done.
func (h *Handler) check(req *compact.Request) *answer {
	bad := checkKey(req.Key)
	if bad == nil {
		bad = checkTenant(req.Tenant)
	}
	header := req.Of()
	if header == "" && req.Name != "" {
		header = headerRequest
	}
	var a answer
	switch {
	case bad != nil:
		a = refused(http.StatusBadRequest, bad)
	case header != "" && !h.Engine.CompareAndSet():
		a = refused(http.StatusNotImplemented, h.unordered(header))
	case len(req.Name) > maxRequestName:
		a = refused(http.StatusBadRequest, &protocol.Failure{Code: protocol.CodeBadRequest, Message: headerRequest + ": a name has at most " + strconv.Itoa(maxRequestName) + " bytes"})
	case len(req.Value) > h.MaxValueBytes:
		a = refused(http.StatusRequestEntityTooLarge, h.valueTooLarge())
	case req.Op == compact.Delete && len(req.Value) > 0:
		a = refused(http.StatusBadRequest, &protocol.Failure{Code: protocol.CodeBadRequest, Message: "DELETE takes no body"})
	default:
		return nil
	}
	return &a
}

// unordered refuses what a header asks for in a mode without an order of writes.
func (h *Handler) unordered(header string) *protocol.Failure {
	e := h.compareAndSet()
	e.Message = header + ": " + e.Message
	return &e
}

func (h *Handler) valueTooLarge() *protocol.Failure {
	return &protocol.Failure{Code: protocol.CodeValueTooLarge, Message: fmt.Sprintf("the value has more than %d bytes", h.MaxValueBytes)}
}

func (h *Handler) writeKey(ctx context.Context, req *compact.Request, key string) answer {
	res, err := h.Engine.Write(ctx, engine.WriteRequest{Key: key, Value: req.Value, Delete: req.Op == compact.Delete, Level: req.Level,
		If: conditionOf(req.Write), Request: req.Name, Context: req.Context})
	if err != nil {
		return h.failed(err, req.Op)
	}
	return answer{http.StatusOK, nil, compact.Answer{Record: record.Record{Version: res.Version}, Level: res.W, Nodes: res.Acked, Coordinator: h.Node}}
}

func (h *Handler) readKey(ctx context.Context, req *compact.Request, key string) answer {
	res, err := h.Engine.Read(ctx, engine.ReadRequest{Key: key, Level: req.Level, WriteLevel: req.WriteLevel})
	if err != nil {
		return h.failed(err, req.Op)
	}
	if !res.Record.Live() {
		return refused(http.StatusNotFound, &protocol.Failure{Code: protocol.CodeNotFound, Message: "no value under " + quote(req.Key),
			Answered: res.Answered, Version: protocol.NewVersion(res.Record.Version)})
	}
	return answer{http.StatusOK, nil, compact.Answer{Record: res.Record, Level: res.R, Nodes: res.Answered, Repaired: res.Repaired,
		Siblings: res.Siblings, Context: res.Context, Coordinator: h.Node}}
}

// methods are the names that operations have in HTTP.
var methods = map[compact.Op]string{compact.Get: http.MethodGet, compact.Put: http.MethodPut, compact.Delete: http.MethodDelete}

func (h *Handler) failed(err error, op compact.Op) answer {
	status, f := h.failure(err, methods[op])
	return refused(status, &f)
}

// failure is what the engine says went wrong with a request that HTTP has, or would have, by this method.
func (h *Handler) failure(err error, method string) (status int, f protocol.Failure) {
	var e *engine.Error
	if !errors.As(err, &e) {
		h.Logger.Error("request failed", "method", method, "error", err)
		return http.StatusInternalServerError, protocol.Failure{Code: protocol.CodeInternal, Message: err.Error(), Outcome: outcomeOf(method, protocol.PerhapsWritten)}
	}
	status = http.StatusServiceUnavailable
	switch e.Code {
	case engine.CodeBadLevel, engine.CodeBadContext:
		status = http.StatusBadRequest
	case engine.CodeUnsupported, engine.CodeTypes, engine.CodeTransactions:
		status = http.StatusNotImplemented
	case engine.CodeTooLarge:
		status = http.StatusRequestEntityTooLarge
	case engine.CodeConflict:
		status = http.StatusPreconditionFailed
	case engine.CodeAborted:
		status = http.StatusConflict
	case engine.CodeTimeout:
		status = http.StatusGatewayTimeout
	case engine.CodeCanceled:
		status = 499 // as nginx logs it; nobody is left to read it
	}
	return status, protocol.Failure{Code: string(e.Code), Message: e.Message, Outcome: protocol.Outcome(e.Outcome),
		Needed: e.Needed, Answered: e.Answered, Failed: e.Failed, Attempts: e.Attempts}
}
