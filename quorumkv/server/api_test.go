package server

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
)

// request sends a request as curl would and returns status, headers and body.
// answer is a response whose body has been read.
type answer struct {
	StatusCode int
	Status     string
	Header     http.Header
}

func request(t testing.TB, method, url, body string, header ...string) (answer, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Status, resp.Header}, string(b)
}

func TestBadRequests(t *testing.T) {
	c := startCluster(t, 3, false, func(cfg *Config) { cfg.MaxValueBytes = 100; cfg.Testing = cfg.Node == "n1" })
	defer http.DefaultClient.CloseIdleConnections()
	big := strings.Repeat("x", 101)
	for _, tc := range []struct {
		method, path, body string
		header             []string
		status             int
		code               string
		outcome            protocol.Outcome
		says               string
	}{
		{"PUT", "/kv/a?w=4", "1", nil, 400, "bad_level", "not_written", "a key has 3 replicas"},
		{"PUT", "/kv/a?w=two", "1", nil, 400, "bad_level", "not_written", `w: level "two" is not ONE, QUORUM, ALL or a number`},
		{"PUT", "/kv/a?w=", "1", nil, 400, "bad_level", "not_written", "w: level"},
		{"GET", "/kv/a?r=0", "", nil, 400, "bad_level", "", "r: level"},
		{"GET", "/kv/a?r=4", "", nil, 400, "bad_level", "", "a key has 3 replicas"},
		{"GET", "/kv/a?w=9", "", nil, 400, "bad_level", "", "write-back"},
		{"GET", "/kv/a?raw=yes", "", nil, 400, "bad_request", "", "raw must be"},
		{"GET", "/kv/a?level=2", "", nil, 400, "bad_request", "", "known here: r, w, raw"},
		{"PUT", "/kv/a?r=2", "1", nil, 400, "bad_request", "not_written", "known here: w"},
		{"PUT", "/kv/a?w=1&w=2", "1", nil, 400, "bad_request", "not_written", "twice"},
		{"PUT", "/kv/a?w=%zz", "1", nil, 400, "bad_request", "not_written", "malformed query"},
		{"PUT", "/kv/a", big, nil, 413, "value_too_large", "not_written", "more than 100 bytes"},
		{"PUT", "/kv/", "1", nil, 400, "bad_key", "not_written", "empty"},
		{"PUT", "/kv/a/b", "1", nil, 400, "bad_key", "not_written", "%2F"},
		{"PUT", "/kv/a%00", "1", nil, 400, "bad_key", "not_written", "control character"},
		{"DELETE", "/kv/a", "1", nil, 400, "bad_request", "not_written", "no body"},
		{"POST", "/kv/a", "1", nil, 405, "method_not_allowed", "not_written", "POST is not allowed"},
		{"PUT", "/replica/a", "1", nil, 405, "method_not_allowed", "not_written", "only be read"},
		{"GET", "/replica/a?r=1", "", nil, 400, "bad_request", "", "none is known"},
		{"POST", "/cas/a", "1", nil, 501, "compare_and_set_unsupported", "not_written", "mode leaderless"},
		{"PUT", "/kv/a", "1", []string{"If-Match", `"7"`}, 501, "compare_and_set_unsupported", "not_written", "If-Match"},
		{"PUT", "/kv/a", "1", []string{"If-None-Match", "*"}, 501, "compare_and_set_unsupported", "not_written", "mode leaderless"},
		{"PUT", "/kv/a", "1", []string{"If-Match", "7"}, 501, "compare_and_set_unsupported", "not_written", "If-Match"},
		{"PUT", "/kv/a", "1", []string{"If-None-Match", `"7"`}, 501, "compare_and_set_unsupported", "not_written", "If-None-Match"},
		{"PUT", "/kv/a", "1", []string{"If-Match", `"7"`, "If-None-Match", "*"}, 501, "compare_and_set_unsupported", "not_written", "If-Match"},
		{"PUT", "/kv/a", "1", []string{"If-Unmodified-Since", "Sat, 29 Oct 1994 19:43:31 GMT"}, 400, "bad_request", "not_written", "If-Unmodified-Since"},
		{"GET", "/nothing", "", nil, 404, "bad_request", "", "/kv/{key}"},
		{"PUT", "/a", "1", nil, 404, "bad_request", "not_written", "/kv/{key}"},
		{"GET", "/ring?key=", "", nil, 400, "bad_key", "", "key must have"},
		{"POST", "/admin/clock", "{}", nil, 400, "bad_request", "", "offset_ms"},
		{"POST", "/admin/clock", `{"offset_ms": "1"}`, nil, 400, "bad_request", "", "offset_ms"},
		{"POST", "/admin/clock", `{"offset_ms": 9000000000000000}`, nil, 400, "bad_request", "", "between"},
		{"POST", "/admin/clock", `{"offset": 1}`, nil, 400, "bad_request", "", `unknown field "offset"`},
		{"POST", "/admin/clock", `{"offset_ms": 1} x`, nil, 400, "bad_request", "", "follows"},
		{"POST", "/admin/defects", `{"defects": ["x"]}`, nil, 400, "bad_request", "", "known are ack-before-quorum"},
		{"POST", "/admin/defects", `{}`, nil, 400, "bad_request", "", "empty list"},
		{"DELETE", "/admin/defects", "", nil, 405, "method_not_allowed", "", "GET and POST"},
	} {
		t.Run(tc.method+" "+tc.path+" "+tc.body[:min(len(tc.body), 20)], func(t *testing.T) {
			resp, body := request(t, tc.method, "http://"+c.addrs["n1"]+tc.path, tc.body, tc.header...)
			var got protocol.ErrorBody
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%s, not JSON: %q", resp.Status, body)
			}
			e := got.Error
			if resp.StatusCode != tc.status || e.Code != tc.code || e.Outcome != tc.outcome || !strings.Contains(e.Message, tc.says) {
				t.Fatalf("%s %s", resp.Status, body)
			}
		})
	}
	if v, err := c.clients["n2"].Get(within(t), "a", "ALL", ""); err != nil || v != nil {
		t.Fatalf("a refused request wrote: %+v, %v", v, err)
	}
	resp, body := request(t, "POST", "http://"+c.addrs["n2"]+"/admin/defects", `{"defects": []}`)
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "testing_disabled") {
		t.Fatalf("/admin without testing: %s %s", resp.Status, body)
	}
}

func TestChunkedBodyIsBounded(t *testing.T) {
	c := startCluster(t, 1, false, func(cfg *Config) { cfg.Replication, cfg.MaxValueBytes = 1, 100 })
	defer http.DefaultClient.CloseIdleConnections()
	for size, status := range map[int]int{100: 200, 101: 413} {
		// A reader of an unknown type makes the client send chunks.
		body := struct{ io.Reader }{strings.NewReader(strings.Repeat("x", size))}
		req, err := http.NewRequestWithContext(within(t), http.MethodPut, "http://"+c.addrs["n1"]+"/kv/a", body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%d bytes in chunks: %s, want %d", size, resp.Status, status)
		}
	}
}

func TestValuesAndKeysOfAllKinds(t *testing.T) {
	c := startCluster(t, 3, false, nil)
	defer http.DefaultClient.CloseIdleConnections()
	cl := c.clients["n1"]
	for _, key := range []string{"a", "a/b", "..", ".", "a b", "ä", "?", "#", "%2F", "+", "a&b=c", strings.Repeat("k", 512)} {
		for _, value := range []string{"42", "", "\x00\xff", `"quoted" <&> ` + "\u2028", strings.Repeat("v", 64<<10)} {
			w := mustPut(t, cl, key, value, "ALL")
			v, err := c.clients["n2"].Get(within(t), key, "ALL", "")
			if err != nil || v == nil || string(v.Bytes()) != value || v.Key != key || v.Version.Compare(w.Version) != 0 {
				t.Fatalf("%q = %.20q: %+v, %v", key, value, v, err)
			}
			if len(v.Answered) != 3 || v.R != 3 || v.Coordinator != "n2" || w.Coordinator != "n1" || w.W != 3 || len(w.Acked) != 3 {
				t.Fatalf("who answered: %+v; who acknowledged: %+v", v, w)
			}
		}
	}
	url := "http://" + c.addrs["n3"] + "/kv/a?raw=true"
	mustPut(t, cl, "a", "\x00raw", "ALL")
	resp, body := request(t, "GET", url, "")
	if body != "\x00raw" || resp.Header.Get("Quorumkv-Version-Node") != "n1" || resp.Header.Get("Quorumkv-Version") == "" {
		t.Fatalf("raw: %q %v", body, resp.Header)
	}
	del, err := cl.Delete(within(t), "a", "ALL")
	if err != nil {
		t.Fatal(err)
	}
	resp, body = request(t, "GET", url, "")
	if resp.StatusCode != http.StatusNotFound || !strings.Contains(body, del.Version.Number) {
		t.Fatalf("after the delete: %s %s", resp.Status, body)
	}
	if v, err := cl.Replica(within(t), "a"); err != nil || v != nil {
		t.Fatalf("the replica after the delete: %+v, %v", v, err)
	}
}

// Requests beyond the bound are refused, and nothing of them is written.
func TestOverload(t *testing.T) {
	c := startCluster(t, 1, false, func(cfg *Config) { cfg.Replication, cfg.MaxRequests = 1, 1 })
	var slow []net.Conn
	release := func() {
		for _, nc := range slow {
			nc.Close()
		}
	}
	defer release()
	var e *client.Error
	eventually(t, "the node is full", func() bool {
		// A request whose body does not come holds the only slot, unless it was itself refused.
		nc, err := net.Dial("tcp", c.addrs["n1"])
		if err != nil {
			t.Fatal(err)
		}
		slow = append(slow, nc)
		fmt.Fprintf(nc, "PUT /kv/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
		_, err = c.clients["n1"].Put(t.Context(), "k", []byte("v"), "ONE")
		return errors.As(err, &e)
	})
	if e.Status != 429 || e.Code != protocol.CodeOverloaded || e.Outcome != protocol.NotWritten {
		t.Fatalf("%+v", e)
	}
	release()
	eventually(t, "the node serves again", func() bool {
		_, err := c.clients["n1"].Put(t.Context(), "k", []byte("v"), "ONE")
		return err == nil
	})
}

func TestHealthMetricsAndAdmin(t *testing.T) {
	c := startCluster(t, 3, false, nil)
	defer http.DefaultClient.CloseIdleConnections()
	mustPut(t, c.clients["n1"], "k", "v", "QUORUM")
	h, err := c.clients["n1"].Health(within(t))
	if err != nil || h.Status != "ok" || h.Node != "n1" || len(h.Peers) != 2 || h.Replication != 3 || !h.Testing {
		t.Fatalf("%+v, %v", h, err)
	}
	_, metrics := request(t, "GET", "http://"+c.addrs["n1"]+"/metrics", "")
	for _, want := range []string{"quorumkv_writes_acknowledged_total 1", `quorumkv_request_seconds_count{method="PUT",status="200"} 1`,
		`quorumkv_peer_connected{peer="n2"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if err := c.clients["n1"].SetDefects(within(t), []string{"read-one", "stale-cache"}); err != nil {
		t.Fatal(err)
	}
	_, body := request(t, "GET", "http://"+c.addrs["n1"]+"/admin/defects", "")
	if !strings.Contains(body, `"defects":["read-one","stale-cache"]`) || !strings.Contains(body, `"exposed_by"`) {
		t.Errorf("defects: %s", body)
	}
	if err := c.clients["n1"].SetDefects(within(t), nil); err != nil {
		t.Fatal(err)
	}
	if h, err = c.clients["n1"].Health(within(t)); err != nil || len(h.Defects) != 0 {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestClientSaysWhatItKnows(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan bool, 1) // whether the node takes a connection's first request before it hangs up
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(nc)
			if _, err := http.ReadRequest(r); err == nil && <-asked {
				fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", compact.Protocol)
				_, _ = r.Peek(1)
			}
			nc.Close()
		}
	}()
	cl := client.New(l.Addr().String())
	defer cl.Close()
	var e *client.Error
	asked <- true
	if _, err := cl.Put(within(t), "k", []byte("v"), "ONE"); !errors.As(err, &e) || e.Outcome != protocol.PerhapsWritten || e.Code != client.CodeNoAnswer {
		t.Errorf("a connection that broke: %v", err)
	}
	asked <- false
	if _, err := cl.Put(within(t), "k", []byte("v"), "ONE"); !errors.As(err, &e) || e.Outcome != protocol.NotWritten || e.Code != client.CodeNoAnswer {
		t.Errorf("a connection that broke before anything was asked: %v", err)
	}
	l.Close()
	if _, err := cl.Put(within(t), "k", []byte("v"), "ONE"); !errors.As(err, &e) || e.Outcome != protocol.NotWritten {
		t.Errorf("nobody listens: %v", err)
	}
	if _, err := cl.Get(within(t), "k", "ONE", ""); !errors.As(err, &e) || e.Outcome != "" {
		t.Errorf("a read: %v", err)
	}
}
