package quorumkv

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/api"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/targets"
)

// oneList is an engine of one key, behind the door that real ones have.
type oneList struct {
	engine.Engine // the rest is never asked for
	list          string
	write         func(engine.WriteRequest) error
}

func (o oneList) CompareAndSet() bool             { return true }
func (o oneList) Routes() map[string]http.Handler { return nil }

func (o oneList) Read(context.Context, engine.ReadRequest) (engine.ReadResult, error) {
	if o.list == "" {
		return engine.ReadResult{}, nil
	}
	return engine.ReadResult{Record: record.Record{Value: []byte(o.list), Version: record.Version{Time: hlc.Timestamp(5)}}}, nil
}

func (o oneList) Write(_ context.Context, req engine.WriteRequest) (engine.WriteResult, error) {
	return engine.WriteResult{}, o.write(req)
}

// TestAppendByCompareAndSet: an append asks for one write at most, of the whole list and under the condition of the version that was read, and has failed only where the store says
// that nothing was written.
func TestAppendByCompareAndSet(t *testing.T) {
	for name, c := range map[string]struct {
		list    string         // that is there, with a version; "" for none
		write   engine.Outcome // of the failure with which the write is answered, or ok, or cut
		code    engine.Code
		body    string
		outcome history.Outcome
		note    string
	}{
		"the first element":         {"", "ok", "", "7", history.OK, ""},
		"behind others":             {"1,22", "ok", "", "1,22,7", history.OK, ""},
		"overtaken":                 {"1", engine.NotWritten, engine.CodeConflict, "1,7", history.Fail, history.NoteAborted},
		"overtaken, perhaps":        {"1", engine.PerhapsWritten, engine.CodeConflict, "1,7", history.Info, history.NoteAborted},
		"without a leader":          {"1", engine.NotWritten, engine.CodeUnavailable, "1,7", history.Fail, ""},
		"perhaps written":           {"1", engine.PerhapsWritten, engine.CodeTimeout, "1,7", history.Info, ""},
		"the connection is cut off": {"1", "cut", "", "1,7", history.Info, ""},
	} {
		writes := 0
		conns := make(chan net.Conn, 1)
		write := func(req engine.WriteRequest) error {
			writes++
			absent := c.list == ""
			if string(req.Value) != c.body || req.If == nil || req.If.Absent != absent || !absent && req.If.Number != 5 {
				t.Errorf("%s: wrote %q if %+v; want %q", name, req.Value, req.If, c.body)
			}
			switch c.write {
			case "ok":
				return nil
			case "cut":
				(<-conns).Close()
			}
			return &engine.Error{Code: c.code, Outcome: c.write, Message: "no"}
		}
		node := httptest.NewUnstartedServer(api.New(api.Options{Node: "n1", Mode: consensus.Mode, Engine: oneList{list: c.list, write: write}, MaxRequests: 8, MaxValueBytes: 1 << 10,
			Metrics: http.NotFoundHandler(), Logger: slog.New(slog.DiscardHandler)}))
		node.Config.ConnState = func(conn net.Conn, state http.ConnState) {
			if state == http.StateHijacked {
				conns <- conn
			}
		}
		node.Start()
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
