package quorumkv

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets"
)

// TestAppendByCompareAndSet: an append asks for one write at most, of the whole list and under the condition of the version that was read, and has failed only where the store says
// that nothing was written.
func TestAppendByCompareAndSet(t *testing.T) {
	for name, c := range map[string]struct {
		list    string           // that is there, with a version; "" for none
		write   protocol.Outcome // of the failure with which the write is answered, or ok, or cut
		code    engine.Code
		body    string
		outcome history.Outcome
		note    string
	}{
		"the first element":         {"", "ok", "", "7", history.OK, ""},
		"behind others":             {"1,22", "ok", "", "1,22,7", history.OK, ""},
		"overtaken":                 {"1", protocol.NotWritten, engine.CodeConflict, "1,7", history.Fail, history.NoteAborted},
		"overtaken, perhaps":        {"1", protocol.PerhapsWritten, engine.CodeConflict, "1,7", history.Info, history.NoteAborted},
		"without a leader":          {"1", protocol.NotWritten, engine.CodeUnavailable, "1,7", history.Fail, ""},
		"perhaps written":           {"1", protocol.PerhapsWritten, engine.CodeTimeout, "1,7", history.Info, ""},
		"the connection is cut off": {"1", "cut", "", "1,7", history.Info, ""},
	} {
		writes := 0
		node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				if c.list == "" {
					w.WriteHeader(http.StatusNotFound)
					_ = json.NewEncoder(w).Encode(protocol.ErrorBody{Error: protocol.Failure{Code: protocol.CodeNotFound}})
					return
				}
				_ = json.NewEncoder(w).Encode(protocol.Value{Value: &c.list, Version: &protocol.Version{Number: "v5"}})
				return
			}
			writes++
			body, err := io.ReadAll(r.Body)
			condition := r.Header.Get("If-Match")
			if c.list == "" {
				condition = r.Header.Get("If-None-Match")
			}
			if want := map[bool]string{true: "*", false: `"v5"`}[c.list == ""]; err != nil || string(body) != c.body || condition != want {
				t.Errorf("%s: wrote %q if %s, %v; want %q if %s", name, body, condition, err, c.body, want)
			}
			switch c.write {
			case "ok":
				_ = json.NewEncoder(w).Encode(protocol.Written{})
			case "cut":
				panic(http.ErrAbortHandler)
			default:
				w.WriteHeader(http.StatusConflict)
				_ = json.NewEncoder(w).Encode(protocol.ErrorBody{Error: protocol.Failure{Code: string(c.code), Outcome: c.write, Message: "no"}})
			}
		}))
		s := &session{system: &System{cfg: targets.Config{Options: map[string]string{optMode: consensus.Mode}}}}
		conn := client.New(node.Listener.Addr().String())
		txn := history.Txn{Mops: []history.Mop{{Func: history.Append, Arg: 7}}}
		note, outcome, err := s.appendTo(t.Context(), conn, "k", &txn)
		if outcome != c.outcome || note != c.note || (err == nil) != (outcome == history.OK) || writes != 1 {
			t.Errorf("%s: %v, %q, %v, %d writes; want %v, %q", name, outcome, note, err, writes, c.outcome, c.note)
		}
		conn.Close()
		node.Close()
	}
}
