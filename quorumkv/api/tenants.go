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
	return given[0], checkTenant(given[0])
}

// checkTenant is what is wrong with a tenant's name, or nil.
func checkTenant(name string) *protocol.Failure {
	if err := tenant.Check(name); err != nil {
		return &protocol.Failure{Code: protocol.CodeBadTenant, Message: tenant.Header + ": " + err.Error()}
	}
	return nil
}

// scopedKey reads a key from its place in the escaped path, and puts it under the request's tenant.
func scopedKey(r *http.Request, escaped string) (string, *protocol.Failure) {
	key, of, bad := keyAndTenant(r, escaped)
	if bad != nil {
		return "", bad
	}
	return tenant.Scope(of, key), nil
}

// keyAndTenant reads a key from its place in the escaped path, and the request's tenant.
func keyAndTenant(r *http.Request, escaped string) (key, of string, bad *protocol.Failure) {
	if key, bad = parseKey(escaped); bad == nil {
		of, bad = tenantOf(r)
	}
	return key, of, bad
}

// plain is the key as the client spelled it.
func plain(scoped string) string {
	_, key := tenant.Split(scoped)
	return key
}

// defaultListed is how many keys a page has when none are asked for.
const defaultListed = 100

// keys serves GET /keys, by the nodes' answers together, and GET /backup, by what this node alone has.
func (h *Handler) keys(w http.ResponseWriter, r *http.Request) { h.list(w, r, listKeys) }

func (h *Handler) backup(w http.ResponseWriter, r *http.Request) { h.list(w, r, listBackup) }

// keysBetween serves GET /range.
func (h *Handler) keysBetween(w http.ResponseWriter, r *http.Request) { h.list(w, r, listRange) }

// listing is a kind of pages.
type listing int

const (
	listKeys   listing = iota // of a tenant
	listBackup                // of a tenant, at one node
	listRange                 // of a tenant or of none, between two keys
)

// params are those that a request for such pages may have.
func (l listing) params() []string {
	switch l {
	case listBackup:
		return []string{"after", "limit"}
	case listRange:
		return []string{"after", "limit", "r", "from", "to"}
	}
	return []string{"after", "limit", "r"}
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request, kind listing) {
	h.observed(w, r, func(refuse refusal) int {
		lister, ok := h.Engine.(engine.Lister)
		if !ok {
			return refuse(http.StatusNotImplemented, &protocol.Failure{Code: string(engine.CodeListing), Message: "mode " + h.Mode + " cannot list keys; mode leaderless can"})
		}
		req, bad := parseList(r, kind)
		if bad != nil {
			return refuse(http.StatusBadRequest, bad)
		}
		var res engine.ListResult
		var err error
		if kind == listBackup {
			res, err = lister.Backup(req)
		} else {
			res, err = lister.List(r.Context(), req)
		}
		if err != nil {
			return h.engineFailed(w, r, err)
		}
		out := protocol.Listing{Tenant: req.Tenant, Keys: make([]protocol.Value, len(res.Keys)), R: res.R, Answered: res.Answered, Coordinator: h.Node}
		for i, k := range res.Keys {
			out.Keys[i] = protocol.ValueOf(k.Key, k.Record)
		}
		if res.More {
			out.After = res.Last
		}
		if req.Part {
			out.Asked = res.Asked
		}
		h.reply(w, http.StatusOK, out)
		return http.StatusOK
	})
}

func parseList(r *http.Request, kind listing) (req engine.ListRequest, bad *protocol.Failure) {
	req.Part = kind == listRange
	params, bad := query(r, kind.params()...)
	if bad != nil {
		return req, bad
	}
	if req.Tenant, bad = tenantOf(r); bad != nil {
		return req, bad
	}
	if req.Tenant == "" && !req.Part {
		return req, &protocol.Failure{Code: protocol.CodeBadTenant, Message: "whose keys? name the tenant in the header " + tenant.Header}
	}
	if req.Level, bad = level(params, "r"); bad != nil {
		return req, bad
	}
	for name, into := range map[string]*string{"after": &req.After, "from": &req.From, "to": &req.To} {
		if *into = params[name]; *into == "" {
			continue
		}
		if bad = checkKey(*into); bad != nil {
			bad.Message = name + ": " + bad.Message
			return req, bad
		}
	}
	if req.To != "" && req.From >= req.To {
		return req, &protocol.Failure{Code: protocol.CodeBadRequest, Message: fmt.Sprintf("from: %s is not below to, %s, in the order of bytes", quote(req.From), quote(req.To))}
	}
	if req.To != "" && req.After >= req.To {
		return req, &protocol.Failure{Code: protocol.CodeBadRequest, Message: fmt.Sprintf("after: %s is not below to, %s, in the order of bytes", quote(req.After), quote(req.To))}
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
