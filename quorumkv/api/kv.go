package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// MaxKeyBytes bounds the length of a key.
const MaxKeyBytes = 512

func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "..."
	}
	return strconv.Quote(s)
}

// parseKey reads a key from its place in the escaped path.
func parseKey(escaped string) (string, *protocol.Failure) {
	bad := func(format string, args ...any) (string, *protocol.Failure) {
		return "", &protocol.Failure{Code: protocol.CodeBadKey, Message: fmt.Sprintf(format, args...)}
	}
	if strings.Contains(escaped, "/") {
		return bad("a / in a key must be written as %%2F")
	}
	key, err := url.PathUnescape(escaped)
	if err != nil {
		return bad("key: %v", err)
	}
	return key, checkKey(key)
}

// checkKey is what is wrong with a key, or nil.
func checkKey(key string) *protocol.Failure {
	bad := func(format string, args ...any) *protocol.Failure {
		return &protocol.Failure{Code: protocol.CodeBadKey, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case key == "":
		return bad("the key is empty")
	case len(key) > MaxKeyBytes:
		return bad("the key has %d bytes, at most %d are allowed", len(key), MaxKeyBytes)
	case !utf8.ValidString(key):
		return bad("the key is not valid UTF-8")
	}
	for _, c := range key {
		if unicode.IsControl(c) {
			return bad("the key has the control character %U", c)
		}
	}
	return nil
}

// level is a parameter with a level, which the engine reads; empty when it was not given.
func level(params map[string]string, name string) (string, *protocol.Failure) {
	s, given := params[name]
	if given && s == "" {
		return "", &protocol.Failure{Code: protocol.CodeBadLevel, Message: name + ": level \"\" is none; leave the parameter out for the default"}
	}
	return s, nil
}

// kv serves /kv/{key}.
func (h *Handler) kv(w http.ResponseWriter, r *http.Request, escapedKey string) {
	h.observedKey(w, r, escapedKey, func(key string, refuse refusal) int {
		switch r.Method {
		case http.MethodGet:
			return h.get(w, r, key, refuse)
		case http.MethodPut, http.MethodDelete:
			return h.write(w, r, key, refuse)
		}
		w.Header().Set("Allow", "GET, PUT, DELETE")
		return refuse(http.StatusMethodNotAllowed, &protocol.Failure{Code: protocol.CodeMethodNotAllowed, Message: r.Method + " is not allowed for a key: GET, PUT and DELETE are"})
	})
}

// observedKey is observed of a request for a key, which serve is given with its tenant's scope.
func (h *Handler) observedKey(w http.ResponseWriter, r *http.Request, escapedKey string, serve func(key string, refuse refusal) int) {
	h.observed(w, r, func(refuse refusal) int {
		key, bad := scopedKey(r, escapedKey)
		if bad != nil {
			return refuse(http.StatusBadRequest, bad)
		}
		return serve(key, refuse)
	})
}

// observed serves a request within the bound on concurrent ones, and counts it.
func (h *Handler) observed(w http.ResponseWriter, r *http.Request, serve func(refuse refusal) int) {
	start := time.Now()
	status := h.bounded(w, r, serve)
	if h.Observe != nil {
		h.Observe(r.Method, status, time.Since(start).Seconds())
	}
}

func (h *Handler) bounded(w http.ResponseWriter, r *http.Request, serve func(refuse refusal) int) int {
	refuse := func(status int, e *protocol.Failure) int {
		e.Outcome = writeOutcome(r, protocol.NotWritten)
		h.fail(w, status, *e)
		return status
	}
	if h.stopping.Load() {
		return refuse(http.StatusServiceUnavailable, &protocol.Failure{Code: protocol.CodeStopping, Message: "this node is stopping"})
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		return refuse(http.StatusTooManyRequests, &protocol.Failure{Code: protocol.CodeOverloaded,
			Message: fmt.Sprintf("%d requests are being served, more are refused", cap(h.slots))})
	}
	return serve(refuse)
}

type refusal func(status int, e *protocol.Failure) int

func (h *Handler) write(w http.ResponseWriter, r *http.Request, key string, refuse refusal) int {
	for _, header := range []string{"If-Match", "If-None-Match", headerRequest} {
		if r.Header.Get(header) != "" && !h.Engine.CompareAndSet() {
			e := h.compareAndSet()
			e.Message = header + ": " + e.Message
			return refuse(http.StatusNotImplemented, &e)
		}
	}
	cond, bad := condition(r)
	if bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
	params, bad := query(r, "w")
	if bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
	req := engine.WriteRequest{Key: key, Delete: r.Method == http.MethodDelete, If: cond, Request: r.Header.Get(headerRequest)}
	if req.Context, bad = causality(r); bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
	if req.Level, bad = level(params, "w"); bad == nil {
		bad = checkRequestName(req.Request)
	}
	if bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
	body, err := readBody(r, h.MaxValueBytes)
	switch {
	case errors.Is(err, errTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, &protocol.Failure{Code: protocol.CodeValueTooLarge,
			Message: fmt.Sprintf("the value has more than %d bytes", h.MaxValueBytes)})
	case err != nil:
		return refuse(http.StatusBadRequest, &protocol.Failure{Code: protocol.CodeBadRequest, Message: "read the body: " + err.Error()})
	case req.Delete && len(body) > 0:
		return refuse(http.StatusBadRequest, &protocol.Failure{Code: protocol.CodeBadRequest, Message: "DELETE takes no body"})
	}
	req.Value = body
	res, err := h.Engine.Write(r.Context(), req)
	if err != nil {
		return h.engineFailed(w, r, err)
	}
	h.reply(w, http.StatusOK, protocol.Written{Key: plain(key), Version: protocol.NewVersion(res.Version), W: res.W,
		Acked: res.Acked, Coordinator: h.Node})
	return http.StatusOK
}

var errTooLarge = errors.New("too large")

func readBody(r *http.Request, limit int) ([]byte, error) {
	if r.ContentLength > int64(limit) {
		return nil, errTooLarge
	}
	if n := r.ContentLength; n >= 0 {
		b := make([]byte, n)
		_, err := io.ReadFull(r.Body, b)
		return b, err
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	if len(b) > limit {
		return nil, errTooLarge
	}
	return b, err
}

func (h *Handler) get(w http.ResponseWriter, r *http.Request, key string, refuse refusal) int {
	params, bad := query(r, "r", "w", "raw")
	if bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
	req := engine.ReadRequest{Key: key}
	if req.Level, bad = level(params, "r"); bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
	if req.WriteLevel, bad = level(params, "w"); bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
	raw := false
	switch params["raw"] {
	case "", "false":
	case "true":
		raw = true
	default:
		return refuse(http.StatusBadRequest, &protocol.Failure{Code: protocol.CodeBadRequest, Message: "raw must be true or false"})
	}
	res, err := h.Engine.Read(r.Context(), req)
	if err != nil {
		return h.engineFailed(w, r, err)
	}
	if !res.Record.Live() {
		h.fail(w, http.StatusNotFound, protocol.Failure{Code: protocol.CodeNotFound, Message: "no value under " + quote(plain(key)),
			Answered: res.Answered, Version: protocol.NewVersion(res.Record.Version)})
		return http.StatusNotFound
	}
	if raw {
		writeRaw(w, res)
		return http.StatusOK
	}
	body := value(plain(key), res.Record)
	body.R, body.Answered, body.Repaired, body.Coordinator = res.R, res.Answered, res.Repaired, h.Node
	body.Siblings, body.Context = res.Siblings, res.Context
	h.reply(w, http.StatusOK, body)
	return http.StatusOK
}

func value(key string, rec record.Record) protocol.Value {
	v := protocol.Value{Key: key, Version: protocol.NewVersion(rec.Version)}
	if utf8.Valid(rec.Value) {
		s := string(rec.Value)
		v.Value = &s
	} else {
		v.ValueBase64 = rec.Value
	}
	return v
}

func writeRaw(w http.ResponseWriter, res engine.ReadResult) {
	head := w.Header()
	head.Set("Content-Type", "application/octet-stream")
	head.Set("Quorumkv-Version", strconv.FormatInt(int64(res.Record.Version.Time), 10))
	head.Set("Quorumkv-Version-Node", res.Record.Version.Node)
	head.Set("Quorumkv-Answered", strings.Join(res.Answered, ","))
	_, _ = w.Write(res.Record.Value) // a client that is gone cannot be told
}

// engineFailed answers with what the engine says went wrong.
func (h *Handler) engineFailed(w http.ResponseWriter, r *http.Request, err error) int {
	var e *engine.Error
	if !errors.As(err, &e) {
		h.Logger.Error("request failed", "method", r.Method, "error", err)
		h.fail(w, http.StatusInternalServerError, protocol.Failure{Code: protocol.CodeInternal, Message: err.Error(),
			Outcome: writeOutcome(r, protocol.PerhapsWritten)})
		return http.StatusInternalServerError
	}
	status := http.StatusServiceUnavailable
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
	h.fail(w, status, protocol.Failure{Code: string(e.Code), Message: e.Message, Outcome: protocol.Outcome(e.Outcome),
		Needed: e.Needed, Answered: e.Answered, Failed: e.Failed, Attempts: e.Attempts})
	return status
}

// replica serves GET /replica/{key}: what this node alone holds, without asking or repairing anything.
func (h *Handler) replica(w http.ResponseWriter, r *http.Request, escapedKey string) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		h.fail(w, http.StatusMethodNotAllowed, protocol.Failure{Code: protocol.CodeMethodNotAllowed, Outcome: protocol.NotWritten,
			Message: "a replica's own record can only be read"})
		return
	}
	key, bad := scopedKey(r, escapedKey)
	if bad == nil {
		_, bad = query(r)
	}
	if bad != nil {
		h.fail(w, http.StatusBadRequest, *bad)
		return
	}
	rec, err := h.Engine.Local(key)
	switch {
	case err != nil:
		h.fail(w, http.StatusInternalServerError, protocol.Failure{Code: protocol.CodeInternal, Message: err.Error()})
	case !rec.Live():
		h.fail(w, http.StatusNotFound, protocol.Failure{Code: protocol.CodeNotFound,
			Message: "no value under " + quote(plain(key)) + " on this node", Version: protocol.NewVersion(rec.Version)})
	default:
		body := value(plain(key), rec)
		body.Coordinator = h.Node
		h.reply(w, http.StatusOK, body)
	}
}
