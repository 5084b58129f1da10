package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// causality reads a write's context.
func causality(r *http.Request) ([]byte, *protocol.Failure) {
	given := r.Header.Get(protocol.HeaderContext)
	if given == "" {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(given)
	if err != nil {
		return nil, &protocol.Failure{Code: protocol.CodeBadContext, Message: protocol.HeaderContext + " is not base64: give it as a read returned it"}
	}
	return b, nil
}

// maxIncrement keeps sums within int64 for longer than anybody counts.
const maxIncrement = 1 << 40

// typed serves /counter/{key} and /set/{key}.
func (h *Handler) typed(w http.ResponseWriter, r *http.Request, t engine.Type, escapedKey string) {
	h.observedKey(w, r, escapedKey, func(key string, refuse refusal) int {
		e, ok := h.Engine.(engine.Typed)
		if !ok {
			return refuse(http.StatusNotImplemented, &protocol.Failure{Code: string(engine.CodeTypes),
				Message: "counters and sets need a mode that knows how to merge them; mode " + h.Mode + " has values alone, under /kv"})
		}
		switch r.Method {
		case http.MethodGet:
			return h.view(w, r, e, engine.ViewRequest{Key: key, Type: t}, refuse)
		case http.MethodPost:
			return h.update(w, r, e, engine.UpdateRequest{Key: key, Type: t}, refuse)
		}
		w.Header().Set("Allow", "GET, POST")
		return refuse(http.StatusMethodNotAllowed, &protocol.Failure{Code: protocol.CodeMethodNotAllowed, Message: r.Method + " is not allowed for a " + string(t) + ": GET and POST are"})
	})
}

func (h *Handler) view(w http.ResponseWriter, r *http.Request, e engine.Typed, req engine.ViewRequest, refuse refusal) int {
	params, bad := query(r, "r")
	if bad == nil {
		req.Level, bad = level(params, "r")
	}
	if bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
	v, err := e.View(r.Context(), req)
	if err != nil {
		return h.engineFailed(w, r, err)
	}
	if req.Type == engine.Counter {
		h.reply(w, http.StatusOK, protocol.Total{Key: plain(req.Key), Total: v.Total, Answered: v.Answered, Coordinator: h.Node})
		return http.StatusOK
	}
	if v.Elements == nil {
		v.Elements = []string{}
	}
	h.reply(w, http.StatusOK, protocol.Elements{Key: plain(req.Key), Elements: v.Elements, Answered: v.Answered, Coordinator: h.Node})
	return http.StatusOK
}

func (h *Handler) update(w http.ResponseWriter, r *http.Request, e engine.Typed, req engine.UpdateRequest, refuse refusal) int {
	params, bad := query(r, "w")
	if bad == nil {
		req.Level, bad = level(params, "w")
	}
	if bad != nil {
		return refuse(http.StatusBadRequest, bad)
	}
	body, err := readBody(r, h.MaxValueBytes)
	if errors.Is(err, errTooLarge) {
		return refuse(http.StatusRequestEntityTooLarge, &protocol.Failure{Code: protocol.CodeValueTooLarge, Message: fmt.Sprintf("the body has more than %d bytes", h.MaxValueBytes)})
	}
	if err == nil {
		err = parseUpdate(body, &req)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, &protocol.Failure{Code: protocol.CodeBadRequest, Message: err.Error()})
	}
	res, err := e.Update(r.Context(), req)
	if err != nil {
		return h.engineFailed(w, r, err)
	}
	h.reply(w, http.StatusOK, protocol.Written{Key: plain(req.Key), Version: protocol.NewVersion(res.Version), W: res.W, Acked: res.Acked, Coordinator: h.Node})
	return http.StatusOK
}

// parseUpdate reads what is to be done with a counter or a set.
func parseUpdate(body []byte, req *engine.UpdateRequest) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if req.Type == engine.Counter {
		var in protocol.Increment
		if err := d.Decode(&in); err != nil {
			return fmt.Errorf("want {\"add\": a number}: %w", err)
		}
		if in.Add == 0 || in.Add > maxIncrement || in.Add < -maxIncrement {
			return fmt.Errorf("add: %d must be between -%d and %d, and not 0", in.Add, maxIncrement, maxIncrement)
		}
		req.Add = in.Add
		return nil
	}
	var in protocol.Change
	if err := d.Decode(&in); err != nil {
		return fmt.Errorf("want {\"add\": an element} or {\"remove\": an element}: %w", err)
	}
	if (in.Add == "") == (in.Remove == "") {
		return errors.New("want one of add and remove")
	}
	req.Element, req.Remove = in.Add+in.Remove, in.Remove != ""
	if !utf8.ValidString(req.Element) {
		return errors.New("the element is not valid UTF-8")
	}
	return nil
}
