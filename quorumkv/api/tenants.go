package api

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

// tenantOf reads the tenant of a request; empty when it names none.
func tenantOf(r *http.Request) (string, *protocol.Failure) {
	given := r.Header.Values(tenant.Header)
	switch {
	case len(given) == 0:
		return "", nil
	case len(given) > 1:
		return "", &protocol.Failure{Code: protocol.CodeBadTenant, Message: tenant.Header + ": is given twice"}
	case given[0] == "":
		return "", &protocol.Failure{Code: protocol.CodeBadTenant, Message: tenant.Header + ": is empty; leave it out for keys of no tenant"}
	}
	if err := tenant.Check(given[0]); err != nil {
		return "", &protocol.Failure{Code: protocol.CodeBadTenant, Message: tenant.Header + ": " + err.Error()}
	}
	return given[0], nil
}

// scopedKey reads a key from its place in the escaped path, and puts it under the request's tenant.
func scopedKey(r *http.Request, escaped string) (string, *protocol.Failure) {
	key, bad := parseKey(escaped)
	if bad != nil {
		return "", bad
	}
	of, bad := tenantOf(r)
	if bad != nil {
		return "", bad
	}
	return tenant.Scope(of, key), nil
}

// plain is the key as the client spelled it.
func plain(scoped string) string {
	_, key := tenant.Split(scoped)
	return key
}

// defaultListed is how many keys a page has when none are asked for.
const defaultListed = 100

// keys serves GET /keys, by the nodes' answers together, and GET /backup, by what this node alone has.
func (h *Handler) keys(w http.ResponseWriter, r *http.Request) { h.list(w, r, false) }

func (h *Handler) backup(w http.ResponseWriter, r *http.Request) { h.list(w, r, true) }

func (h *Handler) list(w http.ResponseWriter, r *http.Request, backup bool) {
	h.observed(w, r, func(refuse refusal) int {
		lister, ok := h.Engine.(engine.Lister)
		if !ok {
			return refuse(http.StatusNotImplemented, &protocol.Failure{Code: string(engine.CodeListing), Message: "mode " + h.Mode + " cannot list keys; mode leaderless can"})
		}
		req, bad := parseList(r, backup)
		if bad != nil {
			return refuse(http.StatusBadRequest, bad)
		}
		var res engine.ListResult
		var err error
		if backup {
			res, err = lister.Backup(req)
		} else {
			res, err = lister.List(r.Context(), req)
		}
		if err != nil {
			return h.engineFailed(w, r, err)
		}
		out := protocol.Listing{Tenant: req.Tenant, Keys: make([]protocol.Value, len(res.Keys)), R: res.R, Answered: res.Answered, Coordinator: h.Node}
		for i, k := range res.Keys {
			out.Keys[i] = value(k.Key, k.Record)
		}
		if res.More {
			out.After = res.Last
		}
		h.reply(w, http.StatusOK, out)
		return http.StatusOK
	})
}

func parseList(r *http.Request, backup bool) (req engine.ListRequest, bad *protocol.Failure) {
	allowed := []string{"after", "limit", "r"}
	if backup {
		allowed = allowed[:2]
	}
	params, bad := query(r, allowed...)
	if bad != nil {
		return req, bad
	}
	if req.Tenant, bad = tenantOf(r); bad != nil {
		return req, bad
	}
	if req.Tenant == "" {
		return req, &protocol.Failure{Code: protocol.CodeBadTenant, Message: "whose keys? name the tenant in the header " + tenant.Header}
	}
	if req.Level, bad = level(params, "r"); bad != nil {
		return req, bad
	}
	if after := params["after"]; after != "" {
		if bad = checkKey(after); bad != nil {
			bad.Message = "after: " + bad.Message
			return req, bad
		}
		req.After = after
	}
	req.Limit = defaultListed
	if text, given := params["limit"]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > replica.MaxListed {
			return req, &protocol.Failure{Code: protocol.CodeBadRequest, Message: fmt.Sprintf("limit: %s is no number from 1 to %d", quote(text), replica.MaxListed)}
		}
		req.Limit = n
	}
	return req, nil
}
