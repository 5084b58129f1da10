package report_test

import (
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/report"
	"github.com/lapse-test/lapse/results/report/server"
	"github.com/lapse-test/lapse/results/store"
)

// TestLiveInBrowser opens the page of a run that goes on in Chromium: it shows later what was
// written later, without a click; every text is shown as it is, and neither runs nor is
// blocked by the page's policy, which would say so in the console.
func TestLiveInBrowser(t *testing.T) {
	text := strings.Join(report.Hostile, "")
	out := t.TempDir()
	dir, err := store.Create(out, "run-x")
	if err != nil {
		t.Fatal(err)
	}
	release, err := dir.Lock() // as a run that goes on does
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err := dir.WriteJSON(store.FileRun, &store.Summary{Schema: store.SummarySchema, Run: "run-x", State: store.StateRunning, Started: time.Now(), Target: text, Workload: text}); err != nil {
		t.Fatal(err)
	}
	write := func(ok int64) {
		l := store.Live{
			Schema: store.LiveSchema, Run: "run-x", Updated: time.Now().Add(time.Hour), Phase: "load", Elapsed: 3, Total: 60, OK: ok,
			Latest: []store.LiveLatency{{Operation: text, PerSecond: 10, P50: 1.5, P99: 2.5, Max: 9}},
			Faults: []string{text}, Injected: 1, Lags: []history.Lag{{Node: text, BehindMS: 1500}},
			Violations: []store.LiveViolation{{Model: text, Count: 2, Anomaly: text, Sentence: text}},
		}
		if err := dir.WriteJSON(store.FileLive, &l); err != nil {
			t.Error(err)
		}
	}
	write(1111)
	var asked atomic.Int32
	pages := server.Handler(out, slog.New(slog.DiscardHandler))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := httptest.NewRecorder()
		pages.ServeHTTP(got, r)
		page := got.Body.String()
		if asked.Add(1) == 1 {
			write(2222)
		} else {
			// Or the browser, which waits until nothing happens any more, would wait for ever.
			page = strings.Replace(page, `<meta http-equiv="refresh"`, `<meta`, 1)
		}
		maps.Copy(w.Header(), got.Header())
		w.WriteHeader(got.Code)
		_, _ = io.WriteString(w, page)
	}))
	defer s.Close()
	dom, log := report.Chromium(t, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--dump-dom", s.URL+"/runs/run-x/live")
	for line := range strings.Lines(log) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the console says: %s", line)
		}
	}
	if !strings.Contains(dom, "2,222") {
		t.Errorf("asked %d times, the page does not show what came later: %.3000s", asked.Load(), dom)
	}
	_, body, _ := strings.Cut(dom, "<body")
	body = strings.Replace(body, "<b>load</b>", "", 1) // the phase
	for _, tag := range []string{"<script", "<img", "<svg", "<b>", "<!--", "</title>"} {
		if strings.Contains(body, tag) {
			t.Errorf("a text became markup: %s", tag)
		}
	}
	// In the title of the page there is none of them, in the rest each.
	if n := strings.Count(html.UnescapeString(dom), report.Hostile[0]); n < 7 {
		t.Errorf("the text is shown %d times, expected 7", n)
	}
}
