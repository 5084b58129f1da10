package report

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers/linearizable"
)

// chromium opens a page without a window, network services or a profile that
// outlives the test, and returns what it printed on stdout and stderr.
func chromium(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not on the PATH: install it, on Debian with apt-get install chromium")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	all := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars", "--enable-logging=stderr",
		"--virtual-time-budget=20000", "--user-data-dir=" + t.TempDir(),
	}, args...)
	cmd := exec.CommandContext(ctx, path, all...)
	// A browser whose parent gave up must not hold the pipes.
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("chromium: %v\n%s", err, errs.String())
	}
	return out.String(), errs.String()
}

// selfTest is what the page writes when it is opened with #selftest.
type selfTest struct {
	Count, Lanes, Filtered int
	Jumps                  []string
	Clicked                string
	Same                   bool
	Button                 int
	Error                  string
	PaintMs                float64
}

func open(t *testing.T, s *Source, fragment string) selfTest {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(render(t, s)), 0o600); err != nil {
		t.Fatal(err)
	}
	dom, log := chromium(t, "--dump-dom", "file://"+file+fragment)
	for line := range strings.Lines(log) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the console says: %s", line)
		}
	}
	m := regexp.MustCompile(`(?s)<script type="application/json" id="selftest">(.*?)</script>`).FindStringSubmatch(dom)
	if m == nil {
		problem := regexp.MustCompile(`(?s)id="tl-problem".*?</p>`).FindString(dom)
		t.Fatalf("the page did not finish its self-test: %s", problem)
	}
	var r selfTest
	if err := json.Unmarshal([]byte(m[1]), &r); err != nil {
		t.Fatalf("%v in %s", err, m[1])
	}
	if r.Error != "" {
		t.Error(r.Error)
	}
	return r
}

// TestInBrowser opens a report in Chromium: nothing may stand in the console,
// and a violation is reached by key, by click and by button.
func TestInBrowser(t *testing.T) {
	r := open(t, staleRead(t, "k3"), "#selftest")
	if r.Count != 5 || r.Lanes != 2 {
		t.Errorf("%d operations in %d lanes, want 5 in 2", r.Count, r.Lanes)
	}
	if len(r.Jumps) != 1 || !strings.Contains(r.Jumps[0], "session 2 read k3, which had been replaced") {
		t.Errorf("the key n shows %q", r.Jumps)
	}
	if !r.Same || !strings.Contains(r.Clicked, "Violation 1 of 1") {
		t.Errorf("a click on the violation shows %q", r.Clicked)
	}
	if r.Filtered != 2 {
		t.Errorf("%d operations without the ok ones, want 2", r.Filtered)
	}
}

// TestHostileInBrowser opens a report full of hostile texts: they are shown as
// texts, and neither run nor blocked by the page's policy, which would say so
// in the console.
func TestHostileInBrowser(t *testing.T) {
	text := strings.Join(hostile, "")
	if r := open(t, staleRead(t, text), "#selftest"); len(r.Jumps) != 1 || !strings.Contains(r.Jumps[0], text) {
		t.Errorf("%s is not shown as it is: %q", text, r.Jumps)
	}
}

// TestManyInBrowser draws as many operations as a report carries, with both
// ways to decompress: the browser's and, for those that have none, the page's.
func TestManyInBrowser(t *testing.T) {
	s := many(t, maxEmbedded)
	for _, fragment := range []string{"#selftest", "#selftest-inflate"} {
		r := open(t, s, fragment)
		if r.Count != maxEmbedded || r.Lanes != 16 || r.Filtered != maxEmbedded/100 {
			t.Errorf("%s: %d operations, %d lanes, %d info", fragment, r.Count, r.Lanes, r.Filtered)
		}
		t.Logf("%d operations are painted in %.1f ms", r.Count, r.PaintMs)
	}
}

// TestForeignPageInBrowser hovers over every operation of Porcupine's page of a history
// whose texts are markup, which does no harm: they are shown as texts. The page's own
// script runs under its policy without a word on the console.
func TestForeignPageInBrowser(t *testing.T) {
	const text = `<i data-markup="1">k</i>`
	s := staleRead(t, text)
	var page bytes.Buffer
	if err := linearizable.PorcupinePage(t.Context(), s.History.About(), s.Summary.Verdicts[0].Violations[0], &page); err != nil {
		t.Fatal(err)
	}
	const hover = `<script>window.addEventListener('load', function () {
  var seen = '';
  document.querySelectorAll('[data-index]').forEach(function (e) {
    e.dispatchEvent(new MouseEvent('mousemove', {bubbles: true, clientX: 5, clientY: 5}));
    document.querySelectorAll('#canvas div').forEach(function (d) { seen += d.textContent + '\n'; });
    if (document.querySelector('[data-markup]')) seen += 'MARKUP';
  });
  var p = document.createElement('pre'); p.id = 'seen'; p.textContent = seen; document.body.appendChild(p);
});</script></body>`
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`)
	if !policy.Match(page.Bytes()) {
		t.Error("the page has no policy")
	}
	free := strings.Replace(policy.ReplaceAllString(page.String(), ""), "</body>", hover, 1)
	for name, text := range map[string]string{"confined.html": page.String(), "hovered.html": free} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		dom, log := chromium(t, "--dump-dom", "file://"+file)
		if strings.Contains(log, "CONSOLE") {
			t.Errorf("%s: the console says: %s", name, log)
		}
		if !strings.Contains(dom, "data-index") {
			t.Errorf("%s: no operation was drawn", name)
		}
		if name != "hovered.html" {
			continue
		}
		_, seen, _ := strings.Cut(dom, `id="seen"`)
		if seen = html.UnescapeString(seen); strings.Contains(seen, "MARKUP") || strings.Count(seen, `<i data-markup="1">`) < 3 {
			t.Errorf("texts of the history are not shown as texts: %.2000s", seen)
		}
	}
}

// TestScreenshots takes pictures; LAPSE_SCREENSHOTS names a directory in which
// they are kept to be looked at.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("LAPSE_SCREENSHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(render(t, staleRead(t, "k3"))), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"light.png":  {"--window-size=1280,2600"},
		"dark.png":   {"--window-size=1280,2600", "--blink-settings=preferredColorScheme=0"},
		"narrow.png": {"--window-size=500,2600"},
	} {
		out := filepath.Join(dir, name)
		chromium(t, append(args, "--screenshot="+out, "file://"+file)...)
		if fi, err := os.Stat(out); err != nil || fi.Size() < 20_000 {
			t.Errorf("%s: no picture: %v", name, err)
		}
	}
	pdf := filepath.Join(dir, "print.pdf")
	chromium(t, "--no-pdf-header-footer", "--print-to-pdf="+pdf, "file://"+file)
	if b, err := os.ReadFile(pdf); err != nil || !bytes.HasPrefix(b, []byte("%PDF")) {
		t.Errorf("no print: %v", err)
	}
}
