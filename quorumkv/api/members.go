package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

func (h *Handler) members(w http.ResponseWriter, r *http.Request) {
	m, ok := h.Engine.(engine.Membered)
	if !ok {
		h.fail(w, http.StatusNotImplemented, protocol.Failure{Code: string(engine.CodeMembers), Outcome: writeOutcome(r, protocol.NotWritten),
			Message: "members change in modes leaderless and raft; in mode " + h.Mode + " they are fixed"})
		return
	}
	if r.Method == http.MethodGet {
		h.reply(w, http.StatusOK, m.Members(r.Context()))
		return
	}
	var c protocol.MemberChange
	err := objectOf(r, &c)
	given := 0
	for _, is := range []bool{c.Add != "", c.Remove != "", c.Cancel} {
		if is {
			given++
		}
	}
	if err == nil && given != 1 {
		err = fmt.Errorf(`give one of {"add": node}, {"remove": node} and {"cancel": true}`)
	}
	if err != nil {
		h.fail(w, http.StatusBadRequest, protocol.Failure{Code: protocol.CodeBadRequest, Outcome: protocol.NotWritten, Message: "read the body: " + err.Error()})
		return
	}
	// The client may go away: what is decided is decided.
	out, err := m.ChangeMembers(context.WithoutCancel(r.Context()), c)
	h.changed(w, out, err)
}

// changed answers with what became of a request about the members or the ranges.
func (h *Handler) changed(w http.ResponseWriter, out any, err error) {
	var e *engine.Error
	switch {
	case err == nil:
		h.reply(w, http.StatusOK, out)
	case errors.As(err, &e) && e.Code == engine.CodeMembers:
		h.fail(w, http.StatusConflict, protocol.Failure{Code: string(e.Code), Outcome: protocol.Outcome(e.Outcome), Message: e.Message})
	case errors.As(err, &e):
		h.fail(w, http.StatusServiceUnavailable, protocol.Failure{Code: string(e.Code), Outcome: protocol.Outcome(e.Outcome), Message: e.Message})
	default:
		h.fail(w, http.StatusInternalServerError, protocol.Failure{Code: protocol.CodeInternal, Outcome: protocol.PerhapsWritten, Message: err.Error()})
	}
}
