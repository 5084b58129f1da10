package report_test

import (
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/report"
	"github.com/lapse-test/lapse/results/report/server"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// shown is a page of lapse that a browser is to look at.
type shown struct{ Name, HTML string }

// looked is what testdata/readable.js found of a page in a window of some width: Wide is how wide the page is.
type looked struct {
	Page                              string
	Width, Texts, Marks, Inside, Wide int
	Faults                            []string
}

// windows are the widths, in pixels: a telephone, half a screen, a laptop, a large screen.
var windows = []int{390, 800, 1280, 1920}

// shownPages are the pages that lapse writes and serves, with short names and with long ones.
func shownPages(t *testing.T) []shown {
	t.Helper()
	long := "a-node-of-a-name-that-is-longer-than-there-is-room-for-1"
	allowed := report.StaleRead(t, "k3")
	allowed.Summary.Promises = &verdict.Promises{By: "n1", Models: map[string]bool{"linearizable": false}}
	held := report.StaleRead(t, "k3")
	held.Summary.Verdicts = held.Summary.Verdicts[1:]
	pages := []shown{
		{"violated", report.Rendered(t, report.StaleRead(t, "k3"))}, {"allowed", report.Rendered(t, allowed)}, {"held", report.Rendered(t, held)},
		{"long names", report.Rendered(t, report.StaleRead(t, long))}, {"suite", report.RenderedSuite(t, report.SuiteOf(t, "k3"))},
	}
	out := t.TempDir()
	on, err := store.Create(out, "run-on")
	if err != nil {
		t.Fatal(err)
	}
	release, err := on.Lock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	for id, state := range map[string]string{"run-on": store.StateRunning, "run-a": store.StateFinished, "run-b": store.StateFinished} {
		s := report.StaleRead(t, "k3")
		d := store.Dir{Path: filepath.Join(out, id), ID: id}
		if id != "run-on" {
			if d, err = store.Create(out, id); err != nil {
				t.Fatal(err)
			}
		}
		s.Summary.Run, s.Summary.State = id, state
		if id == "run-b" {
			s.Summary.Promises = allowed.Summary.Promises
		}
		if err := history.WriteFile(d.File(store.FileHistory), s.History.About()); err != nil {
			t.Fatal(err)
		}
		if err := d.WriteJSON(store.FileRun, &s.Summary); err != nil {
			t.Fatal(err)
		}
	}
	l := store.Live{Schema: store.LiveSchema, Run: "run-on", Updated: time.Now().Add(-time.Hour), Phase: "load", Elapsed: 3, Total: 60, OK: 1234, Faults: []string{"isolate " + long}, Injected: 1,
		Latest:     []store.LiveLatency{{Operation: "read", PerSecond: 10, P50: 1.5, P99: 2.5, Max: 9}},
		Violations: []store.LiveViolation{{Model: "linearizable", Count: 2, Anomaly: "stale read", Sentence: strings.Repeat("session 1 wrote 50 to k2 ", 4)}, {Model: "read-your-writes", Count: 1, Allowed: true, Anomaly: "own write not seen"}}}
	if err := on.WriteJSON(store.FileLive, &l); err != nil {
		t.Fatal(err)
	}
	handler := server.Handler(out, slog.New(slog.DiscardHandler))
	for name, path := range map[string]string{"list": "/", "live": "/runs/run-on/live", "compared": "/compare?a=run-a&b=run-b", "no such run": "/runs/none"} {
		got := httptest.NewRecorder()
		handler.ServeHTTP(got, httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil))
		body, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, shown{name, strings.Replace(string(body), `http-equiv="refresh"`, "", 1)})
	}
	return pages
}

// look has a browser look at pages, in light or dark colours.
func look(t *testing.T, dark bool, pages []shown) []looked {
	t.Helper()
	script, err := os.ReadFile("testdata/readable.js")
	if err != nil {
		t.Fatal(err)
	}
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`)
	pages = slices.Clone(pages)
	for i := range pages {
		pages[i].HTML = policy.ReplaceAllString(pages[i].HTML, "")
	}
	data, err := json.Marshal(map[string]any{"pages": pages, "windows": windows})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "look.html")
	// JSON escapes <, so that no page ends the script.
	page := `<!DOCTYPE html><html><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"></head><body><script>` + string(script) + `
var input = ` + string(data) + `;
readable(input.pages, input.windows).catch(function (e) { return String(e.stack || e); }).then(function (r) {
  var p = document.createElement('pre'); p.id = 'seen'; p.textContent = JSON.stringify(r); document.body.appendChild(p);
});</script></body></html>`
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--window-size=2000,1000", "--dump-dom", "file://" + file}
	if dark {
		args = append([]string{"--blink-settings=preferredColorScheme=0"}, args...)
	}
	dom, _ := report.Chromium(t, args...)
	m := regexp.MustCompile(`(?s)<pre id="seen">(.*?)</pre>`).FindStringSubmatch(dom)
	if m == nil {
		t.Fatal("the script found nothing")
	}
	var out []looked
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &out); err != nil {
		t.Fatalf("%v in %.500s", err, m[1])
	}
	if want := len(pages) * len(windows); len(out) != want {
		t.Fatalf("%d pages were looked at, not %d", len(out), want)
	}
	return out
}

// TestReadableInBrowser: on every page, in light and dark colours, each text has a contrast of 4.5 to what is behind it, each mark of a chart or picture one of
// 3 (WCAG 2.2, 1.4.3 and 1.4.11, level AA), and no page is wider than its window.
func TestReadableInBrowser(t *testing.T) {
	pages := shownPages(t)
	for _, dark := range []bool{false, true} {
		inside := 0
		for _, l := range look(t, dark, pages) {
			if l.Wide > l.Width {
				t.Errorf("dark %v: %s is %d pixels wide in a window of %d", dark, l.Page, l.Wide, l.Width)
			}
			if l.Width != windows[0] {
				continue
			}
			inside += l.Inside
			if l.Texts < 3 || slices.Contains([]string{"violated", "allowed", "held"}, l.Page) && l.Marks < 10 {
				t.Errorf("dark %v: of %s %d texts and %d marks were looked at", dark, l.Page, l.Texts, l.Marks)
			}
			for _, f := range l.Faults {
				t.Errorf("dark %v: %s: %s", dark, l.Page, f)
			}
		}
		if inside == 0 {
			t.Errorf("dark %v: no name of a fault stands inside its bar", dark)
		}
	}
}

// TestUnreadableInBrowser: what the test above is for. A page with one other colour, or that is too wide, is found.
func TestUnreadableInBrowser(t *testing.T) {
	all := shownPages(t)
	page := func(name string) string {
		return all[slices.IndexFunc(all, func(p shown) bool { return p.Name == name })].HTML
	}
	for _, c := range []struct {
		name, page, old, changed string
		dark                     bool
		want                     string
	}{
		{"soft", "violated", "--soft:#5b636c", "--soft:#7b838c", false, "text"},
		{"soft served", "list", "--soft:#5b636c", "--soft:#7b838c", false, "text"},
		{"soft in the dark", "live", "--soft:#9aa3ab", "--soft:#6a737b", true, "text"},
		{"bars of faults", "long names", "--band:#7f6430", "--band:#8a6d35", true, "text .fault-name inside"},
		{"lines", "violated", "--ok:#2f6fbf", "--ok:#8fbfff", false, "mark .series"},
		{"dots", "violated", "stroke-linecap:round;opacity:.9}", "stroke-linecap:round;opacity:.55}.dots.few{opacity:.55!important}", false, "mark .dots"},
		{"operations", "violated", "--ok:#2f6fbf", "--ok:#4f8fdf", false, "operation of the timeline"},
		{"wide", "list", "<body>", `<body><div style="width:500px">x</div>`, false, "wide"},
	} {
		text := page(c.page)
		if !strings.Contains(text, c.old) {
			t.Errorf("%s: the page has no %s", c.name, c.old)
		}
		l := look(t, c.dark, []shown{{c.name, strings.Replace(text, c.old, c.changed, 1)}})[0]
		found := slices.ContainsFunc(l.Faults, func(f string) bool { return strings.HasPrefix(f, c.want) })
		if c.want == "wide" {
			found = l.Wide > l.Width
		}
		if !found {
			t.Errorf("%s: nothing was found that is %q: %+v", c.name, c.want, l)
		}
	}
}
