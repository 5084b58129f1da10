package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

func (h *Handler) ring(w http.ResponseWriter, r *http.Request) {
	params, bad := query(r, "key")
	if bad != nil {
		h.fail(w, http.StatusBadRequest, *bad)
		return
	}
	key, given := params["key"]
	if given && (key == "" || len(key) > MaxKeyBytes) {
		h.fail(w, http.StatusBadRequest, protocol.Failure{Code: protocol.CodeBadKey,
			Message: fmt.Sprintf("key must have 1 to %d bytes", MaxKeyBytes)})
		return
	}
	of, bad := tenantOf(r)
	if bad != nil {
		h.fail(w, http.StatusBadRequest, *bad)
		return
	}
	if !given {
		h.reply(w, http.StatusOK, h.Engine.Ring(""))
		return
	}
	ring := h.Engine.Ring(tenant.Scope(of, key))
	ring.Key = key
	h.reply(w, http.StatusOK, ring)
}

func (h *Handler) health(w http.ResponseWriter, _ *http.Request) {
	body, status := h.Health(), http.StatusOK
	if h.stopping.Load() {
		body.Status, status = "stopping", http.StatusServiceUnavailable
	}
	h.reply(w, status, body)
}

// admin refuses requests for the testing interface unless it is switched on, and decodes what they bring.
func (h *Handler) admin(w http.ResponseWriter, r *http.Request, into any) (changed, ok bool) {
	switch {
	case !h.Testing:
		h.fail(w, http.StatusForbidden, protocol.Failure{Code: protocol.CodeTestingDisabled,
			Message: "this is for tests of what faults do, and is off: start the node with --testing"})
		return false, false
	case r.Method == http.MethodGet:
		return false, true
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, POST")
		h.fail(w, http.StatusMethodNotAllowed, protocol.Failure{Code: protocol.CodeMethodNotAllowed, Message: "GET and POST are allowed"})
		return false, false
	}
	if err := objectOf(r, into); err != nil {
		h.fail(w, http.StatusBadRequest, protocol.Failure{Code: protocol.CodeBadRequest, Message: "read the body: " + err.Error()})
		return false, false
	}
	return true, true
}

func (h *Handler) adminClock(w http.ResponseWriter, r *http.Request) {
	var req struct {
		OffsetMS *int64 `json:"offset_ms"`
	}
	changed, ok := h.admin(w, r, &req)
	if !ok {
		return
	}
	if changed {
		if err := h.setClock(req.OffsetMS); err != nil {
			h.fail(w, http.StatusBadRequest, protocol.Failure{Code: protocol.CodeBadRequest, Message: err.Error()})
			return
		}
		h.Logger.Warn("clock bent", "offset", h.Clock.Offset())
	}
	h.reply(w, http.StatusOK, protocol.Clock{OffsetMS: h.Clock.Offset().Milliseconds()})
}

func (h *Handler) setClock(ms *int64) error {
	if ms == nil {
		return fmt.Errorf(`give {"offset_ms": number}`)
	}
	if limit := hlc.MaxOffset.Milliseconds(); *ms > limit || *ms < -limit {
		return fmt.Errorf("offset_ms must be between -%d and %d", limit, limit)
	}
	return h.Clock.SetOffset(time.Duration(*ms) * time.Millisecond)
}

func (h *Handler) adminDefects(w http.ResponseWriter, r *http.Request) {
	var req struct {
		On *[]string `json:"defects"`
	}
	changed, ok := h.admin(w, r, &req)
	if !ok {
		return
	}
	if changed {
		err := fmt.Errorf(`give {"defects": [names]}; an empty list switches all off`)
		if req.On != nil {
			err = h.SetDefects(*req.On)
		}
		if err != nil {
			h.fail(w, http.StatusBadRequest, protocol.Failure{Code: protocol.CodeBadRequest, Message: err.Error()})
			return
		}
		h.Logger.Warn("defects switched", "on", h.Defects.Names())
	}
	h.reply(w, http.StatusOK, struct {
		protocol.Defects
		Known []defect.Info `json:"known"`
	}{protocol.Defects{On: h.Defects.Names()}, defect.All()})
}
