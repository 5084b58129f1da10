package dynamodb

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// hijacked answers with these bytes, as they are, and closes the connection.
func hijacked(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(c, text)
		_ = c.Close()
	}
}

const head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amzn-Requestid: 8A6E\r\n"

// strangeAnswers are what comes from a server, or from a proxy before it, that goes
// away in the middle or says something that is not DynamoDB's.
var strangeAnswers = map[string]struct {
	answer http.HandlerFunc
	text   string
}{
	"a 200 with a cut body":                     {hijacked(head + "Content-Length: 100\r\n\r\n{\"Item\":{\"k\""), "an answer that cannot be read"},
	"a 200 with half a document":                {hijacked(head + "Content-Length: 8\r\n\r\n{\"Item\":"), "an answer that cannot be read"},
	"a 200 that is HTML":                        {hijacked(head + "Content-Length: 6\r\n\r\n<html>"), "an answer that cannot be read"},
	"a connection closed inside the headers":    {hijacked("HTTP/1.1 200 OK\r\nContent-Ty"), "connection failed"},
	"a connection closed before an answer":      {hijacked(""), "connection closed"},
	"something else than HTTP":                  {hijacked("SSH-2.0-OpenSSH_9.2\r\n"), "connection failed"},
	"an HTML 502":                               {hijacked("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>"), "an answer that is not DynamoDB's"},
	"a 503 without a body":                      {hijacked("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), "an answer that is not DynamoDB's"},
	"a 404 of another server's, JSON with none": {hijacked("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"), "an answer that is not DynamoDB's"},
}

// TestStrangeAnswers: the history gets one of few texts, without addresses, ports and
// numbers of requests, and a write of which nothing is known is info.
func TestStrangeAnswers(t *testing.T) {
	for name, c := range strangeAnswers {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(c.answer)
			defer s.Close()
			a, err := newAccess(t.Context(), settings{region: defaultRegion}, s.URL)
			must(t, err)
			for _, writes := range []bool{true, false} {
				// Each has a connection of its own: one that the server gives up after half an answer
				// may be found reset by who asks next.
				client := newClient(a, "t", settings{}, targets.Session{})
				defer func() { must(t, client.Close()) }()
				var txn history.Txn
				txn.Reset()
				want := history.Fail
				if txn.Mops = append(txn.Mops, read(1)); writes {
					txn.Mops[0], want = write(1, 1), history.Info
				}
				res := client.Do(t.Context(), 0, &txn)
				if res.Outcome == history.OK && writes && strings.HasPrefix(name, "a 200") {
					continue // PutItem reads nothing of the body that matters
				}
				if res.Outcome != want || !res.Broken || fmt.Sprint(res.Err) != c.text {
					t.Errorf("writes %v: %v, broken %v, %q; want %v, %q", writes, res.Outcome, res.Broken, res.Err, want, c.text)
				}
				_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
				if strings.Contains(fmt.Sprint(res.Err), port) {
					t.Errorf("a port is told: %v", res.Err)
				}
			}
		})
	}
}

// answered is the error that the SDK makes of an answer.
func answered(t *testing.T, answer http.HandlerFunc) error {
	t.Helper()
	s := httptest.NewServer(answer)
	defer s.Close()
	a, err := newAccess(t.Context(), settings{region: defaultRegion}, s.URL)
	must(t, err)
	conn := a.connect(nil)
	defer func() { must(t, conn.Close()) }()
	_, err = conn.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("t"), Key: keyOf(1)})
	if err == nil {
		t.Fatal("there is no error")
	}
	return err
}
