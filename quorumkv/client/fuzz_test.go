package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// says answers every request with one status and body.
type says struct {
	status int
	body   []byte
}

// RoundTrip implements http.RoundTripper.
func (s says) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.status, Status: http.StatusText(s.status), Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(s.body)), Request: r}, nil
}

// FuzzAnswer: whatever a node answers by HTTP, no call of a client fails otherwise than by an error, and none of a write is taken for
// not written unless the node said so.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"value":"eA==","version":{}}`, `{"error":{"code":"x","message":"m","outcome":"not_written"}}`, `{"error":{}}`, `{"ring":null}`, `null`, `{`, ``, `{"values":[null]}`,
	} {
		f.Add(200, []byte(body))
		f.Add(503, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		c := &Client{base: "http://node", http: &http.Client{Transport: says{status, body}}}
		ctx := context.Background()
		write := func(name string, err error) {
			failure := (*Error)(nil)
			switch {
			case err == nil && status != http.StatusOK:
				t.Errorf("%s: status %d is taken for a write that was made", name, status)
			case err != nil && !errors.As(err, &failure):
				t.Errorf("%s: %T", name, err)
			case err != nil && failure.Outcome == protocol.NotWritten && !bytes.Contains(bytes.ToLower(body), []byte("outcome")) && !bytes.Contains(body, []byte(`\u`)):
				t.Errorf("%s: %q with status %d is taken for not written", name, body, status)
			}
		}
		_, err := c.CompareAndSet(ctx, "k", []byte("v"), "old", "1") // which is asked by HTTP, as it is no number
		write("compare and set", err)
		_, err = c.Increment(ctx, "k", 1, "1")
		write("increment", err)
		_, err = c.SetAdd(ctx, "k", "e", "1")
		write("add", err)
		_, err = c.ChangeField(ctx, "k", protocol.FieldChange{Field: "f", Drop: true}, "1")
		write("change a field", err)
		_, err = c.Transact(ctx, []protocol.TxnOp{{}})
		write("transact", err)
		_, _ = c.Replica(ctx, "k")
		_, _ = c.Total(ctx, "k", "1")
		_, _ = c.Elements(ctx, "k", "1")
		_, _ = c.Fields(ctx, "k", "1")
		_, _ = c.Keys(ctx, "", 10, "1")
		_, _ = c.Ring(ctx, "k")
		_, _ = c.Health(ctx)
		_, _ = c.Members(ctx)
	})
}
