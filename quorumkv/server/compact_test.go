package server

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/leaderless"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

// rawConn is a connection that speaks package compact, frame by frame.
type rawConn struct {
	net.Conn
	r    *bufio.Reader
	last uint64
}

func dialRaw(t testing.TB, addr string) *rawConn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	c := &rawConn{Conn: nc, r: bufio.NewReader(nc)}
	fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", compact.Path, compact.Protocol)
	resp, err := http.ReadResponse(c.r, nil) //nolint:bodyclose // it is, where there is one
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %+v, %v", resp, err)
	}
	resp.Body.Close() // which has nothing
	return c
}

func (c *rawConn) send(t testing.TB, req compact.Request) {
	t.Helper()
	c.last++
	if _, err := c.Write(frame.Append(nil, c.last, byte(req.Op), req.AppendTo)); err != nil {
		t.Fatal(err)
	}
}

// answer is what the node says, as JSON, with the status and the number that it has.
func (c *rawConn) answer(t testing.TB, key string) (id uint64, kind compact.Kind, status int, body string) {
	t.Helper()
	f, _, err := frame.Read(c.r, nil, 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	status = http.StatusOK
	switch kind = compact.Kind(f.Kind); kind {
	case compact.Found:
		out, err = compact.ParseFound(key, f.Body)
	case compact.Written:
		out, err = compact.ParseWritten(key, f.Body)
	default:
		var e protocol.ErrorBody
		status, e.Error, err = compact.ParseFailed(f.Body)
		out = e
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return f.ID, kind, status, string(b)
}

// byHTTP asks for the same by HTTP.
func byHTTP(t testing.TB, addr string, req compact.Request) (status int, body string) {
	t.Helper()
	method, levels := map[compact.Op]string{compact.Get: "GET", compact.Put: "PUT", compact.Delete: "DELETE"}[req.Op], url.Values{}
	set := func(name, to string) {
		if to != "" {
			levels.Set(name, to)
		}
	}
	if req.Op == compact.Get {
		set("r", req.Level)
		set("w", req.WriteLevel)
	} else {
		set("w", req.Level)
	}
	var header []string
	add := func(given bool, name, value string) {
		if given {
			header = append(header, name, value)
		}
	}
	add(req.Tenant != "", tenant.Header, req.Tenant)
	add(req.Absent, "If-None-Match", "*")
	add(req.Number != 0, "If-Match", fmt.Sprintf(`"%d"`, req.Number))
	add(req.Name != "", "Quorumkv-Request", req.Name)
	add(len(req.Context) > 0, protocol.HeaderContext, base64.StdEncoding.EncodeToString(req.Context))
	a, body := request(t, method, "http://"+addr+"/kv/"+url.PathEscape(req.Key)+"?"+levels.Encode(), string(req.Value), header...)
	return a.StatusCode, body
}

// alike is an answer without what two requests need not have in common: versions of writes, and which replicas answered in which order.
func alike(t testing.TB, body string, req compact.Request) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	in := out
	if e, ok := out["error"].(map[string]any); ok {
		in = e
	}
	if req.Op != compact.Get {
		delete(in, "version")
		delete(in, "context")
	}
	for _, list := range []string{"answered", "acked", "repaired"} {
		if req.Level != "ALL" && req.Level != "3" {
			delete(in, list) // which of them were the first to answer
		} else if l, ok := in[list].([]any); ok {
			slices.SortFunc(l, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		}
	}
	return out
}

// The same request gets the same answer by HTTP and over a connection. Requests come in pairs that differ in one thing.
func TestCompactIsWhatHTTPIs(t *testing.T) {
	put := func(key, value, level string) compact.Request {
		return compact.Request{Op: compact.Put, Key: key, Level: level, Write: compact.Write{Value: []byte(value)}}
	}
	get := func(key, level string) compact.Request {
		return compact.Request{Op: compact.Get, Key: key, Level: level}
	}
	of := func(name string, r compact.Request) compact.Request { r.Tenant = name; return r }
	with := func(r compact.Request, change func(w *compact.Write)) compact.Request { change(&r.Write); return r }
	number := func(n int64) func(*compact.Write) { return func(w *compact.Write) { w.Number = n } }
	absent := func(w *compact.Write) { w.Absent = true }
	name := func(s string) func(*compact.Write) { return func(w *compact.Write) { w.Name = s } }
	context := func(b string) func(*compact.Write) { return func(w *compact.Write) { w.Context = []byte(b) } }
	both := func(a, b func(*compact.Write)) func(*compact.Write) {
		return func(w *compact.Write) { a(w); b(w) }
	}
	requests := []compact.Request{
		put("k", "v", "ALL"), put("k", "", "ALL"), put("k", "\xff\x00", "ALL"), get("k", "ALL"), put("k", "<&>\u2028\x01", "3"), get("k", "3"), get("k", ""),
		{Op: compact.Get, Key: "k", Level: "3", WriteLevel: "3"}, {Op: compact.Get, Key: "k", Level: "3", WriteLevel: "4"},
		get("none", "ALL"), get("none", "4"), get("none", "many"), put("k", "v", "4"), put("k", "v", "many"), put("k", "v", "0"),
		put("a/b", "v", "ALL"), get("a/b", "ALL"), put("..", "v", "ALL"), get("..", "ALL"), put("ä?&%", "v", "ALL"), get("ä?&%", "ALL"),
		get("", "ALL"), put("", "v", "ALL"), put("a\x1fk", "v", "ALL"), get("a\x1fk", "ALL"), put("\xff", "v", "ALL"), get("\xff", "ALL"),
		put(strings.Repeat("k", 512), "v", "ALL"), put(strings.Repeat("k", 513), "v", "ALL"), get(strings.Repeat("k", 513), "ALL"),
		put("k", strings.Repeat("v", 65536), "ALL"), get("k", "ALL"), put("k", strings.Repeat("v", 65537), "ALL"),
		of("t", put("k", "of t", "ALL")), of("t", get("k", "ALL")), of("u", get("k", "ALL")), get("k", "ALL"),
		of(strings.Repeat("t", 64), put("k", "v", "ALL")), of(strings.Repeat("t", 65), put("k", "v", "ALL")), of(strings.Repeat("t", 65), get("k", "ALL")), of("\xff", get("k", "ALL")),
		{Op: compact.Delete, Key: "k", Level: "ALL"}, get("k", "ALL"), {Op: compact.Delete, Key: "k", Level: "ALL", Write: compact.Write{Value: []byte("v")}},
		{Op: compact.Delete, Key: "k", Level: "4"}, of("t", get("k", "ALL")),
		with(put("k", "v", "ALL"), number(7)), with(put("k", "v", "ALL"), absent), with(put("k", "v", "ALL"), name("r")), with(put("k", "v", "ALL"), context("x")),
		// In modes with an order of writes and other levels:
		put("o", "v", ""), with(put("o", "v", ""), absent), with(put("o", "v", ""), number(1)), with(put("o2", "v", ""), number(1<<62)), get("o", ""), get("o", "follower"), get("o", "lease"), get("o", "leader"),
		with(put("o", "w", ""), name("r1")), with(put("o", "other", ""), name("r1")), with(put("o", "w", ""), name(strings.Repeat("r", 65))), with(put("o", "w", ""), both(name("r2"), number(1))),
		with(compact.Request{Op: compact.Delete, Key: "o"}, number(1)), {Op: compact.Delete, Key: "o"}, get("o", ""),
	}
	for _, mode := range Modes() {
		t.Run(mode, func(t *testing.T) {
			c := startCluster(t, 3, false, func(cfg *Config) {
				if cfg.Mode = mode; mode == multileader.Mode {
					cfg.Conflicts = multileader.Siblings
				}
			})
			eventually(t, "it takes a write", func() bool { _, err := c.clients["n1"].Put(t.Context(), "first", nil, ""); return err == nil })
			addr := c.addrs["n1"]
			conn := dialRaw(t, addr)
			for _, req := range requests {
				write := req.Op != compact.Get
				conn.send(t, req)
				id, _, status, body := conn.answer(t, req.Key)
				wantStatus, want := byHTTP(t, addr, req)
				if write && wantStatus/100 != status/100 && mode != leaderless.Mode {
					// The first of two equal writes with a condition, or a name, may have changed what the second finds: the other way round it is the same.
					wantStatus, want = byHTTP(t, addr, req)
					conn.send(t, req)
					id, _, status, body = conn.answer(t, req.Key)
				}
				if id != conn.last || status != wantStatus || !reflect.DeepEqual(alike(t, body, req), alike(t, want, req)) {
					t.Errorf("%+v:\n%d %.300s, by HTTP\n%d %.300s", req, status, body, wantStatus, want)
				}
			}
		})
	}
}

// What is no request ends the connection with a reason, and nobody else's.
func TestGarbageEndsItsConnectionAlone(t *testing.T) {
	c := startCluster(t, 1, false, func(cfg *Config) { cfg.Replication = 1 })
	addr := c.addrs["n1"]
	other := dialRaw(t, addr)
	good := compact.Request{Op: compact.Get, Key: "k"}
	for name, tc := range map[string]struct {
		b    []byte
		says string
	}{
		"no operation":    {frame.Append(nil, 1, 0, nil), "unknown operation 0"},
		"another one":     {frame.Append(nil, 1, 77, good.AppendTo), "unknown operation 77"},
		"cut short":       {frame.Append(nil, 1, byte(compact.Put), good.AppendTo), "malformed message"},
		"something after": {frame.Append(nil, 1, byte(compact.Get), func(b []byte) []byte { return append(good.AppendTo(b), 1) }), "something follows"},
		"too long":        {[]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1}, "malformed frame: a body of"},
		"of HTTP":         {[]byte("GET /health HTTP/1.1\r\nHost: x\r\n\r\n"), "malformed frame: a body of"},
	} {
		conn := dialRaw(t, addr)
		if _, err := conn.Write(tc.b); err != nil {
			t.Fatal(err)
		}
		id, kind, status, body := conn.answer(t, "")
		if id != 0 || kind != compact.Ends || status != http.StatusBadRequest || !strings.Contains(body, tc.says) {
			t.Errorf("%s: %d %d %s, want %q", name, kind, status, body, tc.says)
		}
		if rest, err := io.ReadAll(conn.r); len(rest) > 0 {
			t.Errorf("%s: after the end %q, %v", name, rest, err)
		}
	}
	other.send(t, good)
	if id, kind, status, body := other.answer(t, "k"); id != 1 || kind != compact.Failed || status != http.StatusNotFound {
		t.Errorf("another connection: %d %d %s", id, status, body)
	}
	a, body := request(t, "GET", "http://"+addr+compact.Path, "", "Connection", "Upgrade", "Upgrade", "quorumkv-client/0")
	if a.StatusCode != http.StatusUpgradeRequired || a.Header.Get("Upgrade") != compact.Protocol || !strings.Contains(body, "use a client of this node's version") {
		t.Errorf("another version: %+v %s", a, body)
	}
}

// A request that is given up over the connection is given up by the node, and the connection goes on; so is one whose connection ends.
func TestRequestsThatAreGivenUp(t *testing.T) {
	c := startCluster(t, 3, true, func(cfg *Config) { cfg.RequestTimeout, cfg.PeerTimeout = time.Hour, time.Hour })
	conn := dialRaw(t, c.addrs["n1"])
	c.isolate("n1", true)
	conn.send(t, compact.Request{Op: compact.Put, Key: "k", Level: "2"})
	if _, err := conn.Write(frame.Append(nil, conn.last, byte(compact.Cancel), nil)); err != nil {
		t.Fatal(err)
	}
	if id, _, status, body := conn.answer(t, "k"); id != 1 || status != 499 || !strings.Contains(body, `"canceled"`) {
		t.Errorf("%d %d %s", id, status, body)
	}
	metric := func() string {
		_, body := request(t, "GET", "http://"+c.addrs["n1"]+"/metrics", "")
		for line := range strings.Lines(body) {
			if strings.HasPrefix(line, "quorumkv_reads_failed_total ") {
				return strings.TrimSpace(line)
			}
		}
		return ""
	}
	conn.send(t, compact.Request{Op: compact.Get, Key: "k", Level: "2"})
	conn.Close()
	eventually(t, "the read of a client that is gone is given up", func() bool { return metric() == "quorumkv_reads_failed_total 1" })
	c.isolate("n1", false)
}

// A node that is stopping answers what it has begun, refuses what comes then, and closes its connections.
func TestConnectionsEndWithTheNode(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Default()
	cfg.Node, cfg.Replication, cfg.DataDir, cfg.Listen = "n1", 1, filepath.Join(t.TempDir(), "n1"), l.Addr().String()
	s, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	cl := client.New(l.Addr().String())
	defer cl.Close()
	conn := dialRaw(t, l.Addr().String())
	mustPut(t, cl, "k", "v", "1")
	stop()
	for i := range uint64(20) { // until the node has closed it, which may be at any of them
		req := compact.Request{Op: compact.Get, Key: fmt.Sprint("k", i)}
		if _, err := conn.Write(frame.Append(nil, i+1, byte(req.Op), req.AppendTo)); err != nil {
			break
		}
	}
	if err := <-served; err != nil {
		t.Errorf("it ended with %v", err)
	}
	for n := uint64(1); ; n++ {
		f, _, err := frame.Read(conn.r, nil, 8<<20)
		if err != nil {
			break
		}
		status, e, err := compact.ParseFailed(f.Body)
		if compact.Kind(f.Kind) != compact.Failed || err != nil || status == http.StatusServiceUnavailable && e.Code != protocol.CodeStopping || status != http.StatusServiceUnavailable && status != http.StatusNotFound {
			t.Errorf("answer %d: %d %d %+v, %v", n, f.Kind, status, e, err)
		}
	}
	if _, err := cl.Put(within(t), "k", nil, "1"); err == nil {
		t.Error("a node that has ended takes a write")
	}
}
