package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

const secret = "this must not be served"

// runs makes two runs, a file beside them, and links that lead out.
func runs(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	out := filepath.Join(top, "runs")
	for _, id := range []string{"run-a", "run-b", "run-link"} {
		d, err := store.Create(out, id)
		if err != nil {
			t.Fatal(err)
		}
		s := store.Summary{Schema: store.SummarySchema, Run: id, Target: "<b>x</b>", Assessment: verdict.Assessment{Status: checkers.Held}}
		if err := d.WriteJSON(store.FileRun, &s); err != nil {
			t.Fatal(err)
		}
		b := history.NewBuilder(history.Header{Source: "lapse"})
		b.AddPlain(history.Op{Invoke: 1, Complete: 2, Node: -1, Error: -1, Note: -1, Outcome: history.OK}, history.Mop{Func: history.Write, Arg: 1})
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		if err := history.WriteFile(d.File(store.FileHistory), h); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{filepath.Join(top, "secret.txt"), filepath.Join(out, "secret.txt"), filepath.Join(out, "run-a", "secret.txt"), filepath.Join(top, "run.json")} {
		if err := os.WriteFile(name, []byte(`{"run":"`+secret+`","target":"`+secret+`"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A suite with a hostile name, one that is a link, one whose result is one.
	for id, name := range map[string]string{"s-good": "<b>x</b>", "s-link": "s"} {
		d, err := store.Create(filepath.Join(out, store.DirSuites), id)
		if err != nil {
			t.Fatal(err)
		}
		s := gate.SuiteResult{Schema: gate.SuiteSchema, Suite: name, ID: id, File: name, State: "finished", Exit: &verdict.Exit{Code: 1, Reason: name},
			Cases: []gate.CaseResult{{ID: "c/t/W1R1/none", Run: "run-a"}, {ID: "c/t/W1R1/kill", Run: "../../secret"}}}
		if err := d.WriteJSON(store.FileSuite, &s); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(out, store.DirSuites, "s-link", store.FileSuite)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(top, "run.json"), filepath.Join(out, store.DirSuites, "s-link", store.FileSuite)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(top, filepath.Join(out, store.DirSuites, "s-out")); err != nil {
		t.Fatal(err)
	}
	// run-link's summary leads out of its directory; linked is a link itself.
	inner := filepath.Join(out, "run-link", store.FileRun)
	if err := os.Remove(inner); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{inner: filepath.Join(top, "run.json"), filepath.Join(out, "linked"): top} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// serve starts a server that must stop when the test ends.
func serve(t *testing.T, out string) string {
	t.Helper()
	ln, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, ln, out, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("stopping: %v", err)
		}
		if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
			_ = c.Close()
			t.Error("the port is still open")
		}
	})
	return ln.Addr().String()
}

// get asks for a path exactly as it is written, without a client tidying it.
func get(t *testing.T, addr, path, host string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = path
	req.Host = host
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}

func TestPages(t *testing.T) {
	addr := serve(t, runs(t))
	for path, want := range map[string]string{
		"/": "run-b", "/runs/run-a": "Claims", "/compare?a=run-a&b=run-b": "Two runs compared", "/suites/s-good": `href="/runs/run-a"`,
	} {
		code, head, body := get(t, addr, path, "")
		if code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q", path, code, want)
		}
		if strings.Contains(body, "<b>x</b>") {
			t.Errorf("%s shows a text as markup", path)
		}
		if p := head.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || !strings.Contains(p, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, p)
		}
		if head.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: no nosniff", path)
		}
	}
}

// TestListsWhatIsAllowed: in the list of runs, and where two are compared, a violation that the configuration
// allows is told from one that it does not.
func TestListsWhatIsAllowed(t *testing.T) {
	out := t.TempDir()
	for id, promised := range map[string]bool{"allowed": false, "refused": true} {
		d, err := store.Create(out, id)
		if err != nil {
			t.Fatal(err)
		}
		s := store.Summary{Schema: store.SummarySchema, Run: id, State: store.StateFinished, Assessment: verdict.Assessment{
			Status:   checkers.Violated,
			Verdicts: []checkers.Verdict{{Model: "linearizable", Status: checkers.Violated, Total: 2}},
			Promises: &verdict.Promises{By: "x", Models: map[string]bool{"linearizable": promised}},
		}}
		if err := d.WriteJSON(store.FileRun, &s); err != nil {
			t.Fatal(err)
		}
		h, err := history.NewBuilder(history.Header{Source: "lapse"}).History()
		if err != nil {
			t.Fatal(err)
		}
		if err := history.WriteFile(d.File(store.FileHistory), h); err != nil {
			t.Fatal(err)
		}
	}
	addr := serve(t, out)
	for path, list := range map[string][]string{
		"/":                            {`<td class="keep allowed">✗ violated, allowed</td>`, `<td class="keep violated">✗ violated</td>`},
		"/compare?a=allowed&b=refused": {`<td class="allowed">violated, allowed (2)</td>`, `<td class="violated">violated (2)</td>`},
	} {
		_, _, body := get(t, addr, path, "")
		for _, want := range list {
			if strings.Count(body, want) != 1 {
				t.Errorf("%s: %s is not there once", path, want)
			}
		}
	}
}

func TestPathsCannotEscape(t *testing.T) {
	addr := serve(t, runs(t))
	for _, path := range []string{
		"/runs/..", "/runs/../secret.txt", "/runs/%2e%2e", "/runs/%2e%2e%2fsecret.txt", "/runs/..%2f..%2fetc%2fpasswd", "/runs/%2fetc%2fpasswd",
		"/runs//etc/passwd", "/runs/.", "/runs/", "/runs", "/runs/secret.txt", "/runs/run-a/secret.txt", "/runs/run-a%2f..%2f..%2fsecret.txt",
		"/suites/..", "/suites/%2e%2e", "/suites/s-link", "/suites/s-out", "/suites/latest", "/suites/", "/suites", "/suites/run-a", "/suites/..%2frun-a", "/runs/suites",
		"/runs/linked", "/runs/latest", "/runs/run-link", "/compare?a=run-a&b=..", "/compare?a=linked&b=run-a", "/compare", "/secret.txt", "/..%5csecret.txt",
	} {
		code, _, body := get(t, addr, path, "")
		if code == http.StatusOK {
			t.Errorf("%s: was answered", path)
		}
		if strings.Contains(body, secret) || strings.Contains(body, "root:") {
			t.Errorf("%s: shows a file from outside", path)
		}
	}
	if _, _, body := get(t, addr, "/", ""); strings.Contains(body, secret) || strings.Contains(body, "run-link") || strings.Contains(body, "s-link") || !strings.Contains(body, "s-good") {
		t.Error("the list shows a run that leads out")
	}
}

func TestForeignHost(t *testing.T) {
	addr := serve(t, runs(t))
	if code, _, _ := get(t, addr, "/", "evil.example:80"); code != http.StatusForbidden {
		t.Errorf("a foreign name was answered with %d", code)
	}
	if code, _, _ := get(t, addr, "/", "localhost:80"); code != http.StatusOK {
		t.Errorf("localhost was answered with %d", code)
	}
}

func TestOnlyLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:0": true, "localhost:0": true, "0.0.0.0:0": false, ":0": false, "[::]:0": false, "192.0.2.1:0": false, "example.com:0": false, "127.0.0.1": false,
	} {
		ln, err := Listen(t.Context(), address)
		if (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
		if ln != nil {
			_ = ln.Close()
		}
	}
}

// TestLive: a run that goes on is followed, one that is over leads to its report, and what is
// a link or damaged is shown to nobody.
func TestLive(t *testing.T) {
	out := runs(t)
	d, err := store.Create(out, "run-on")
	if err != nil {
		t.Fatal(err)
	}
	release, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	s := store.Summary{Schema: store.SummarySchema, Run: "run-on", State: store.StateRunning, Started: time.Now(), Target: "<b>x</b>"}
	if err := d.WriteJSON(store.FileRun, &s); err != nil {
		t.Fatal(err)
	}
	addr := serve(t, out)
	const path = "/runs/run-on/live"
	wants := func(text string) {
		t.Helper()
		code, head, body := get(t, addr, path, "")
		if code != http.StatusOK || !strings.Contains(body, text) || strings.Contains(body, secret) || strings.Contains(body, "<b>x</b>") {
			t.Errorf("%d, without %q, or with what must not be there: %s", code, text, body)
		}
		if p := head.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || strings.Contains(p, "script-src") {
			t.Errorf("policy %q", p)
		}
	}
	wants("not written yet")
	if _, _, body := get(t, addr, "/", ""); !strings.Contains(body, `href="`+path+`"`) {
		t.Error("the list does not lead to the run that goes on")
	}
	if err := os.Symlink(filepath.Join(out, "..", "run.json"), d.File(store.FileLive)); err != nil {
		t.Fatal(err)
	}
	wants("not written yet")
	if err := os.Remove(d.File(store.FileLive)); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteFile(store.FileLive, []byte("{")); err != nil {
		t.Fatal(err)
	}
	wants("not written yet")
	l := store.Live{Schema: store.LiveSchema, Updated: time.Now().Add(-time.Hour), Phase: "load", OK: 1234, Violations: []store.LiveViolation{{Model: "regular", Count: 3, Sentence: "<b>x</b>"}, {Model: "linearizable", Count: 1, Allowed: true}}}
	if err := d.WriteJSON(store.FileLive, &l); err != nil {
		t.Fatal(err)
	}
	wants("1,234")
	wants("&lt;b&gt;x&lt;/b&gt;")
	wants("old.")
	wants(`<td class="keep violated">✗ regular </td>`)
	wants(`<td class="keep allowed">✗ linearizable <br><span class="soft">allowed: not promised here</span></td>`)
	release() // killed: nobody holds the lock, and the file is still there
	for _, id := range []string{"run-on", "run-a"} {
		if code, head, _ := get(t, addr, "/runs/"+id+"/live", ""); code != http.StatusSeeOther || head.Get("Location") != "/runs/"+id {
			t.Errorf("%s is over, and answers %d to %q", id, code, head.Get("Location"))
		}
	}
	for _, id := range []string{"run-link", "..", "%2e%2e", "linked", "none"} {
		if code, _, body := get(t, addr, "/runs/"+id+"/live", ""); code == http.StatusOK || strings.Contains(body, secret) {
			t.Errorf("%s is answered with %d", id, code)
		}
	}
}
