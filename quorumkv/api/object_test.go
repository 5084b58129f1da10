package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// TestObjects: each body that is one JSON object is read the same way. The others of a row differ from its first, which is taken, in one thing.
func TestObjects(t *testing.T) {
	update := func(of engine.Type) func(string) error {
		return func(body string) error { return parseUpdate([]byte(body), &engine.UpdateRequest{Type: of}) }
	}
	whole := func(into any) func(string) error {
		return func(body string) error {
			return objectOf(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), into)
		}
	}
	for name, c := range map[string]struct {
		read func(string) error
		good string
	}{
		"members": {whole(&protocol.MemberChange{}), `{"add": "n4"}`},
		"ranges":  {whole(&protocol.RangeChange{}), `{"plan": true}`},
		"counter": {update(engine.Counter), `{"add": 4}`},
		"set":     {update(engine.Set), `{"add": "e"}`},
		"map":     {update(engine.Map), `{"field": "f", "add": "e"}`},
		"txn": {func(body string) error {
			if _, bad := parseTxn([]byte(body), ""); bad != nil {
				return &engine.Error{Message: bad.Message}
			}
			return nil
		}, `{"ops": [{"op": "read", "key": "k"}]}`},
	} {
		if err := c.read(c.good); err != nil {
			t.Errorf("%s: %s: %v", name, c.good, err)
		}
		inside := c.good[1 : len(c.good)-1]
		for body, says := range map[string]string{
			"{" + inside + `, "later": 1}`:     "unknown field",
			"{" + inside + ", " + inside + "}": "is there twice",
			c.good + c.good:                    "something follows",
			c.good + "x":                       "something follows",
			c.good[:len(c.good)-1]:             "unexpected EOF",
		} {
			if err := c.read(body); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %s: %v, want that %s", name, body, err, says)
			}
		}
	}
}
