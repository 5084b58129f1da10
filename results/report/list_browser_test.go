package report_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/report"
	"github.com/lapse-test/lapse/results/report/server"
	"github.com/lapse-test/lapse/results/store"
)

// TestListInBrowser opens the list of runs in windows of three widths: where the table is wider than the window, and is therefore
// scrolled, each row is one line high.
func TestListInBrowser(t *testing.T) {
	out := t.TempDir()
	for i := range 4 {
		id := fmt.Sprintf("20261201-00000%d-abcd", i)
		dir, err := store.Create(out, id)
		if err != nil {
			t.Fatal(err)
		}
		s := store.Summary{Schema: store.SummarySchema, Run: id, State: store.StateFinished, Target: "cassandra", WriteLevel: "LOCAL_QUORUM", ReadLevel: "LOCAL_QUORUM", Workload: "txn-register",
			Part: &store.Part{Of: "suite read-your-writes-20261201-000912-4053", Label: "quorums/good/LOCAL_QUORUM/partition-one"}}
		if err := dir.WriteJSON(store.FileRun, &s); err != nil {
			t.Fatal(err)
		}
	}
	const script = `<script>window.addEventListener('load', function () {
  var box = document.querySelector('.wide').parentNode;
  var heights = Array.from(document.querySelectorAll('.wide tr')).slice(1).map(function (r) { return r.getBoundingClientRect().height; });
  var p = document.createElement('pre');
  p.id = 'seen';
  p.textContent = heights.length + ' rows, scrolled ' + (box.scrollWidth > box.clientWidth) + ', low ' + heights.every(function (h) { return h < 48; }) + ', page ' + (document.documentElement.scrollWidth <= innerWidth);
  document.body.appendChild(p);
});</script></body>`
	pages := server.Handler(out, slog.New(slog.DiscardHandler))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := httptest.NewRecorder()
		pages.ServeHTTP(got, r)
		w.WriteHeader(got.Code)
		_, _ = io.WriteString(w, strings.Replace(got.Body.String(), "</body>", script, 1))
	}))
	defer s.Close()
	for _, width := range []int{500, 800, 1000} {
		dom, _ := report.Chromium(t, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", fmt.Sprintf("--window-size=%d,900", width), "--dump-dom", s.URL)
		m := regexp.MustCompile(`<pre id="seen">(.*?)</pre>`).FindStringSubmatch(dom)
		if m == nil || m[1] != "4 rows, scrolled true, low true, page true" {
			t.Errorf("at %d pixels: %q", width, m)
		}
	}
}
