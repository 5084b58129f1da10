package api

import (
	"encoding/base64"
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

// typed serves /counter/{key}, /set/{key} and /map/{key}.
func (h *Handler) typed(w http.ResponseWriter, r *http.Request, t engine.Type, escapedKey string) {
	h.observedKey(w, r, escapedKey, func(key string, refuse refusal) int {
		e, ok := h.Engine.(engine.Typed)
		if !ok {
			return refuse(http.StatusNotImplemented, &protocol.Failure{Code: string(engine.CodeTypes),
				Message: "counters, sets and maps need a mode that knows how to merge them; mode " + h.Mode + " has values alone, under /kv"})
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
	if req.Type == engine.Map {
		h.reply(w, http.StatusOK, protocol.Fields{Key: plain(req.Key), Fields: fields(v.Fields), Answered: v.Answered, Coordinator: h.Node})
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

// fields are those of a map as a client is told them.
func fields(of []engine.Field) []protocol.Field {
	out := make([]protocol.Field, 0, len(of))
	for _, f := range of {
		p := protocol.Field{Field: f.Name, Type: string(f.Type)}
		switch f.Type {
		case engine.Counter:
			p.Total = &f.Total
		case engine.Set:
			p.Elements = f.Contents
		default:
			p.Values = f.Contents
		}
		out = append(out, p)
	}
	return out
}

// maxField is how long the name of a field may be, in bytes.
const maxField = 512

// parseFieldChange reads what is to be done with a field of a map.
func parseFieldChange(body []byte) (by engine.FieldChange, err error) {
	var in protocol.FieldChange
	if err := object(body, &in); err != nil {
		return by, fmt.Errorf("want {\"field\": a name, and one of increment, add, remove, assign and drop}: %w", err)
	}
	asked := 0
	for _, is := range []bool{in.Increment != 0, in.Add != "", in.Remove != "", in.Assign != nil, in.Drop} {
		if is {
			asked++
		}
	}
	by = engine.FieldChange{Field: in.Field, Add: in.Increment, Content: in.Add + in.Remove, Remove: in.Remove != "", Drop: in.Drop}
	switch {
	case in.Assign != nil:
		by.Type, by.Content = engine.Register, *in.Assign
	case in.Increment != 0:
		by.Type = engine.Counter
	case !in.Drop:
		by.Type = engine.Set
	}
	switch {
	case in.Field == "" || len(in.Field) > maxField:
		return by, fmt.Errorf("field: want a name of up to %d bytes", maxField)
	case asked != 1:
		return by, errors.New("want one of increment (not 0), add, remove, assign and drop (true)")
	case in.Increment > maxIncrement || in.Increment < -maxIncrement:
		return by, fmt.Errorf("increment: %d must be between -%d and %d", in.Increment, maxIncrement, maxIncrement)
	case !utf8.ValidString(by.Field) || !utf8.ValidString(by.Content):
		return by, errors.New("a name or a value is not valid UTF-8")
	}
	return by, nil
}

// parseUpdate reads what is to be done with a counter, a set or a map.
func parseUpdate(body []byte, req *engine.UpdateRequest) (err error) {
	if req.Type == engine.Map {
		req.By, err = parseFieldChange(body)
		return err
	}
	if req.Type == engine.Counter {
		var in protocol.Increment
		if err := object(body, &in); err != nil {
			return fmt.Errorf("want {\"add\": a number}: %w", err)
		}
		if in.Add == 0 || in.Add > maxIncrement || in.Add < -maxIncrement {
			return fmt.Errorf("add: %d must be between -%d and %d, and not 0", in.Add, maxIncrement, maxIncrement)
		}
		req.Add = in.Add
		return nil
	}
	var in protocol.Change
	if err := object(body, &in); err != nil {
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
