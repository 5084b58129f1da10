// Package api is a node's HTTP interface; README.md in the parent folder describes it with examples.
package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
)

// Options are all that a handler needs to know of its node.
type Options struct {
	Node          string
	Mode          string
	Engine        engine.Engine
	Clock         *hlc.Clock
	Health        func() protocol.Health
	SetDefects    func(names []string) error
	Defects       *defect.Set
	Metrics       http.Handler
	Observe       func(op string, status int, seconds float64) // nil, or told of every request for a key
	MaxRequests   int                                          // requests for keys that are served at a time
	MaxValueBytes int
	Testing       bool // whether /admin is there
	Logger        *slog.Logger
}

// Handler serves clients. It is safe for concurrent use.
type Handler struct {
	Options
	slots    chan struct{}
	leave    func() // gives a slot back
	mux      *http.ServeMux
	stopping atomic.Bool
	clients  frame.Streams // of those that speak package compact
}

// New makes the handler of a node.
func New(o Options) *Handler {
	h := &Handler{Options: o, slots: make(chan struct{}, o.MaxRequests), mux: http.NewServeMux()}
	h.leave = func() { <-h.slots }
	h.mux.HandleFunc("GET /ring", h.ring)
	h.mux.HandleFunc("GET /keys", h.keys)
	h.mux.HandleFunc("GET /backup", h.backup)
	h.mux.HandleFunc("GET /range", h.keysBetween)
	h.mux.HandleFunc("GET /members", h.members)
	h.mux.HandleFunc("POST /members", h.members)
	h.mux.HandleFunc("GET /ranges", h.ranges)
	h.mux.HandleFunc("POST /ranges", h.ranges)
	h.mux.HandleFunc("POST /txn", h.txn)
	h.mux.HandleFunc("GET "+compact.Path, h.connect)
	h.mux.HandleFunc("GET /health", h.health)
	h.mux.Handle("GET /metrics", o.Metrics)
	for pattern, peers := range o.Engine.Routes() {
		h.mux.Handle(pattern, peers)
	}
	h.mux.HandleFunc("/admin/clock", h.adminClock)
	h.mux.HandleFunc("/admin/defects", h.adminDefects)
	h.mux.HandleFunc("/", h.unknown)
	return h
}

// Stop makes /health and all requests for keys answer that the node is stopping.
func (h *Handler) Stop() { h.stopping.Store(true) }

// ServeHTTP routes a request. Keys are taken from the escaped path, so that every key can be spelled; the
// standard library's mux would clean some of them away.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	switch {
	case strings.HasPrefix(path, "/kv/"):
		h.kv(w, r, path[len("/kv/"):])
	case strings.HasPrefix(path, "/counter/"):
		h.typed(w, r, engine.Counter, path[len("/counter/"):])
	case strings.HasPrefix(path, "/set/"):
		h.typed(w, r, engine.Set, path[len("/set/"):])
	case strings.HasPrefix(path, "/map/"):
		h.typed(w, r, engine.Map, path[len("/map/"):])
	case strings.HasPrefix(path, "/replica/"):
		h.replica(w, r, path[len("/replica/"):])
	case strings.HasPrefix(path, "/cas/"):
		h.fail(w, http.StatusNotImplemented, h.compareAndSet())
	default:
		h.mux.ServeHTTP(w, r)
	}
}

// compareAndSet answers those who look for it in a place of its own.
func (h *Handler) compareAndSet() protocol.Failure {
	f := protocol.Failure{Code: string(engine.CodeUnsupported), Outcome: protocol.NotWritten,
		Message: "compare-and-set needs a mode that agrees on one order of writes; mode " + h.Mode + " cannot give it"}
	if h.Engine.CompareAndSet() {
		f.Message = "compare-and-set is asked for by PUT or DELETE of /kv/{key} with If-Match or If-None-Match"
	}
	return f
}

func (h *Handler) unknown(w http.ResponseWriter, r *http.Request) {
	h.fail(w, http.StatusNotFound, protocol.Failure{Code: protocol.CodeBadRequest, Outcome: writeOutcome(r, protocol.NotWritten),
		Message: r.Method + " " + r.URL.Path + " is not served; there are /kv/{key}, /counter/{key}, /set/{key}, /map/{key}, /replica/{key}, /txn, /keys, /backup, /ring, /members, /ranges, /health, /metrics and /admin"})
}

// writeOutcome is o for requests that could have written, and nothing for others.
func writeOutcome(r *http.Request, o protocol.Outcome) protocol.Outcome {
	return outcomeOf(r.Method, o)
}

func outcomeOf(method string, o protocol.Outcome) protocol.Outcome {
	if method == http.MethodGet || method == http.MethodHead {
		return ""
	}
	return o
}

func (h *Handler) fail(w http.ResponseWriter, status int, e protocol.Failure) {
	e.Coordinator = h.Node
	h.reply(w, status, protocol.ErrorBody{Error: e})
}

func (h *Handler) reply(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		h.Logger.Error("encode response", "error", err)
		status, b = http.StatusInternalServerError, []byte(`{"error":{"code":"internal","message":"response cannot be encoded","outcome":"perhaps_written"}}`)
	}
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that is gone cannot be told
}

var jsonType = []string{"application/json"}

// query reads the parameters of a request and refuses those that are not allowed or are given twice.
func query(r *http.Request, allowed ...string) (map[string]string, *protocol.Failure) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &protocol.Failure{Code: protocol.CodeBadRequest, Message: "malformed query: " + err.Error()}
	}
	out := make(map[string]string, len(values))
	for k, v := range values {
		known := false
		for _, a := range allowed {
			known = known || a == k
		}
		switch {
		case !known && len(allowed) == 0:
			return nil, &protocol.Failure{Code: protocol.CodeBadRequest, Message: "unknown parameter " + quote(k) + "; none is known here"}
		case !known:
			return nil, &protocol.Failure{Code: protocol.CodeBadRequest, Message: "unknown parameter " + quote(k) + "; known here: " + strings.Join(allowed, ", ")}
		case len(v) > 1:
			return nil, &protocol.Failure{Code: protocol.CodeBadRequest, Message: "parameter " + quote(k) + " is given twice"}
		}
		out[k] = v[0]
	}
	return out, nil
}
