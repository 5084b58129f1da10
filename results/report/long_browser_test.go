package report

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// TestLongTextsInBrowser: a key, a value, a node and an error of ten thousand letters do not make a page wider than the
// window, whether they have spaces or not, and what does not fit can be scrolled.
func TestLongTextsInBrowser(t *testing.T) {
	const script = `<script>window.addEventListener('load', function () {
  var page = document.documentElement, cut = 0;
  document.querySelectorAll('body *').forEach(function (e) {
    var how = getComputedStyle(e);
    if (how.display !== 'inline' && (e.scrollHeight > e.clientHeight + 2 || e.scrollWidth > e.clientWidth + 2) && (how.overflowX === 'hidden' || how.overflowY === 'hidden') && !e.closest('svg')) cut++;
  });
  var p = document.createElement('pre');
  p.id = 'seen';
  p.textContent = [innerWidth, page.scrollWidth, cut].join(' ');
  document.body.appendChild(p);
});</script></body>`
	for name, text := range map[string]string{"one word": strings.Repeat("k", 10_000), "words": strings.Repeat("word ", 2_000)} {
		page := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAllString(render(t, staleRead(t, text)), "")
		file := filepath.Join(t.TempDir(), "report.html")
		if err := os.WriteFile(file, []byte(strings.Replace(page, "</body>", script, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		dom, _ := chromium(t, "--window-size=500,900", "--dump-dom", "file://"+file)
		m := regexp.MustCompile(`<pre id="seen">(\d+) (\d+) (\d+)</pre>`).FindStringSubmatch(dom)
		if m == nil {
			t.Fatalf("%s: the script found nothing", name)
		}
		if m[1] != m[2] || m[3] != "0" {
			t.Errorf("%s: in a window of %s pixels the page has %s, and %s texts are cut", name, m[1], m[2], m[3])
		}
	}
}

// TestManyModels: a heading names a few models and says how many more there are; the table has all.
func TestManyModels(t *testing.T) {
	s := staleRead(t, "n2")
	for i := range 30 {
		v := s.Summary.Verdicts[0]
		v.Model, v.Status = fmt.Sprintf("model-%d", i), checkers.Violated
		s.Summary.Verdicts = append(s.Summary.Verdicts, v)
	}
	page := render(t, s)
	for _, want := range []string{"linearizable, model-0, model-1, model-2, model-3 and 26 more models violated", "1 violation of model-3, violations of 26 more models; the witnesses", `<th scope="row">model-29<`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestNothingRecorded: of no operation nothing is served, and there is nothing to draw.
func TestNothingRecorded(t *testing.T) {
	h, err := history.NewBuilder(history.Header{Source: "lapse", Nodes: []string{"n1"}}).History()
	if err != nil {
		t.Fatal(err)
	}
	s := staleRead(t, "n2")
	s.History, s.Summary.Verdicts = h, s.Summary.Verdicts[1:]
	page := staticPart(render(t, s))
	if !strings.Contains(page, "No operation was recorded.") || strings.Contains(page, "<canvas") || strings.Contains(page, "100 %") {
		t.Error("a run without an operation has a timeline, or was served")
	}
}
