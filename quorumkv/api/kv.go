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

	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
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
	h.observed(w, r, func(refuse refusal) int {
		key, of, bad := keyAndTenant(r, escapedKey)
		if bad != nil {
			return refuse(http.StatusBadRequest, bad)
		}
		req := compact.Request{Key: key, Tenant: of}
		switch r.Method {
		case http.MethodGet:
			req.Op = compact.Get
			return h.get(w, r, req, refuse)
		case http.MethodPut, http.MethodDelete:
			req.Op = compact.Put
			if r.Method == http.MethodDelete {
				req.Op = compact.Delete
			}
			return h.write(w, r, req, refuse)
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
	leave, refused := h.enter()
	if refused != nil {
		if refused.status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		return refuse(refused.status, refused.failure)
	}
	defer leave()
	return serve(refuse)
}

type refusal func(status int, e *protocol.Failure) int

// write reads what HTTP has to say of a write, and answers what carryOut says.
func (h *Handler) write(w http.ResponseWriter, r *http.Request, req compact.Request, refuse refusal) int {
	bad := condition(r, &req.Write)
	if bad != nil {
		if header := conditional(r); header != "" && !h.Engine.CompareAndSet() {
			return refuse(http.StatusNotImplemented, h.unordered(header)) // however it is spelled
		}
		return refuse(http.StatusBadRequest, bad)
	}
	params, bad := query(r, "w")
	if bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
	req.Name = r.Header.Get(headerRequest)
	if req.Context, bad = causality(r); bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
	if req.Level, bad = level(params, "w"); bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
	body, err := readBody(r, h.MaxValueBytes)
	switch {
	case errors.Is(err, errTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, h.valueTooLarge())
	case err != nil:
		return refuse(http.StatusBadRequest, &protocol.Failure{Code: protocol.CodeBadRequest, Message: "read the body: " + err.Error()})
	}
	req.Value = body
	return h.send(w, &req, h.carryOut(r.Context(), &req), false)
}

// send answers by HTTP.
func (h *Handler) send(w http.ResponseWriter, req *compact.Request, a answer, raw bool) int {
	switch {
	case a.failure != nil:
		h.fail(w, a.status, *a.failure)
	case raw:
		writeRaw(w, a.Answer)
	case req.Op == compact.Get:
		h.reply(w, a.status, a.Value(req.Key))
	default:
		h.reply(w, a.status, protocol.Written{Key: req.Key, Version: protocol.NewVersion(a.Record.Version), W: a.Level, Acked: a.Nodes, Coordinator: a.Coordinator})
	}
	return a.status
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

// get reads what HTTP has to say of a read, and answers what carryOut says.
func (h *Handler) get(w http.ResponseWriter, r *http.Request, req compact.Request, refuse refusal) int {
	params, bad := query(r, "r", "w", "raw")
	if bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
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
	return h.send(w, &req, h.carryOut(r.Context(), &req), raw)
}

func writeRaw(w http.ResponseWriter, res compact.Answer) {
	head := w.Header()
	head.Set("Content-Type", "application/octet-stream")
	head.Set("Quorumkv-Version", strconv.FormatInt(int64(res.Record.Version.Time), 10))
	head.Set("Quorumkv-Version-Node", res.Record.Version.Node)
	head.Set("Quorumkv-Answered", strings.Join(res.Nodes, ","))
	_, _ = w.Write(res.Record.Value) // a client that is gone cannot be told
}

// engineFailed answers with what the engine says went wrong.
func (h *Handler) engineFailed(w http.ResponseWriter, r *http.Request, err error) int {
	status, f := h.failure(err, r.Method)
	h.fail(w, status, f)
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
		body := protocol.ValueOf(plain(key), rec)
		body.Coordinator = h.Node
		h.reply(w, http.StatusOK, body)
	}
}
