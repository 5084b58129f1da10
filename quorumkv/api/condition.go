package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// headerRequest names a client's request, so that a retry of it is not applied twice.
const headerRequest = "Quorumkv-Request"

// maxRequestName bounds the length of a request's name.
const maxRequestName = 64

// condition reads the preconditions of RFC 9110, section 13, that a store of versions can give: If-None-Match: * (the key
// is absent) and If-Match with the number of one version. It returns nil when there are none.
func condition(r *http.Request) (*engine.Condition, *protocol.Failure) {
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	bad := func(message string) (*engine.Condition, *protocol.Failure) {
		return nil, &protocol.Failure{Code: protocol.CodeBadRequest, Message: message}
	}
	switch {
	case r.Header.Get("If-Unmodified-Since") != "":
		return bad("If-Unmodified-Since: versions are numbers and not dates; use If-Match")
	case match != "" && none != "":
		return bad("If-Match and If-None-Match are given together; give one")
	case none == "*":
		return &engine.Condition{Absent: true}, nil
	case none != "":
		return bad("If-None-Match: only * is served, which asks for the key to be absent")
	case match == "":
		return nil, nil
	}
	quoted, whole := strings.CutPrefix(match, `"`)
	number, ended := strings.CutSuffix(quoted, `"`)
	n, err := strconv.ParseInt(number, 10, 64)
	if !whole || !ended || err != nil || n <= 0 {
		return bad("If-Match: " + quote(match) + ` is not the number of a version in quotes, such as "7"`)
	}
	return &engine.Condition{Number: n}, nil
}

func checkRequestName(name string) *protocol.Failure {
	if len(name) > maxRequestName {
		return &protocol.Failure{Code: protocol.CodeBadRequest, Message: headerRequest + ": a name has at most " + strconv.Itoa(maxRequestName) + " bytes"}
	}
	return nil
}
