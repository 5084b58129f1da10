package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

// maxSteps bounds the steps of a change of ranges.
const maxSteps = 1024

func (h *Handler) ranges(w http.ResponseWriter, r *http.Request) {
	e, ok := h.Engine.(engine.Ranged)
	if !ok {
		h.fail(w, http.StatusNotImplemented, protocol.Failure{Code: string(engine.CodeMembers), Outcome: writeOutcome(r, protocol.NotWritten),
			Message: "ranges of keys are there in mode leaderless with partitioner range; in mode " + h.Mode + " there are none"})
		return
	}
	if r.Method == http.MethodGet {
		count := true
		if v := r.URL.Query().Get("count"); v != "" {
			var err error
			if count, err = strconv.ParseBool(v); err != nil {
				h.fail(w, http.StatusBadRequest, protocol.Failure{Code: protocol.CodeBadRequest, Message: fmt.Sprintf("count: %q is not true or false", v)})
				return
			}
		}
		out, err := e.Ranges(r.Context(), count)
		h.changed(w, out, err)
		return
	}
	c, bad := rangeChange(r)
	if bad != nil {
		bad.Outcome = protocol.NotWritten
		h.fail(w, http.StatusBadRequest, *bad)
		return
	}
	if c.Plan {
		out, err := e.PlanRanges(r.Context(), c.Steps)
		h.changed(w, out, err)
		return
	}
	// The client may go away: what is decided is decided.
	out, err := e.ChangeRanges(context.WithoutCancel(r.Context()), c.Steps)
	h.changed(w, out, err)
}

// rangeChange reads the body, with keys as they are stored.
func rangeChange(r *http.Request) (c protocol.RangeChange, bad *protocol.Failure) {
	of, bad := tenantOf(r)
	if bad != nil {
		return c, bad
	}
	err := objectOf(r, &c)
	switch {
	case err != nil:
	case len(c.Steps) == 0 || len(c.Steps) > maxSteps:
		err = fmt.Errorf(`give 1 to %d steps, as in {"steps": [{"do": "split", "at": "k5"}]}`, maxSteps)
	default:
		for i, s := range c.Steps {
			if s.At != "" { // else the first key that there is, or that the tenant could have
				if wrong := checkKey(s.At); wrong != nil {
					err = errors.Join(err, fmt.Errorf("step %d: at: %s", i+1, wrong.Message))
				}
			}
			c.Steps[i].At = tenant.Scope(of, s.At)
		}
	}
	if err != nil {
		return c, &protocol.Failure{Code: protocol.CodeBadRequest, Message: "read the body: " + err.Error()}
	}
	return c, nil
}
