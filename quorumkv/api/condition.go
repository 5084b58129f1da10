package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
)

// headerRequest names a client's request, so that a retry of it is not applied twice.
const headerRequest = "Quorumkv-Request"

// maxRequestName bounds the length of a request's name.
const maxRequestName = 64

// condition reads the preconditions of RFC 9110, section 13, that a store of versions can give: If-None-Match: * (the key
// is absent) and If-Match with the number of one version.
func condition(r *http.Request, into *compact.Write) *protocol.Failure {
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	bad := func(message string) *protocol.Failure {
		return &protocol.Failure{Code: protocol.CodeBadRequest, Message: message}
	}
	switch {
	case r.Header.Get("If-Unmodified-Since") != "":
		return bad("If-Unmodified-Since: versions are numbers and not dates; use If-Match")
	case match != "" && none != "":
		return bad("If-Match and If-None-Match are given together; give one")
	case none == "*":
		into.Absent = true
		return nil
	case none != "":
		return bad("If-None-Match: only * is served, which asks for the key to be absent")
	case match == "":
		return nil
	}
	quoted, whole := strings.CutPrefix(match, `"`)
	number, ended := strings.CutSuffix(quoted, `"`)
	n, err := strconv.ParseInt(number, 10, 64)
	if !whole || !ended || err != nil || n <= 0 {
		return bad("If-Match: " + quote(match) + ` is not the number of a version in quotes, such as "7"`)
	}
	into.Number = n
	return nil
}

// conditional is the header by which a request has a condition, well formed or not; empty if there is none.
func conditional(r *http.Request) string {
	for _, header := range []string{"If-Match", "If-None-Match"} {
		if r.Header.Get(header) != "" {
			return header
		}
	}
	return ""
}

// conditionOf is a write's condition for the engine; nil when there is none.
func conditionOf(w compact.Write) *engine.Condition {
	if w.Of() == "" {
		return nil
	}
	return &engine.Condition{Absent: w.Absent, Number: w.Number}
}
