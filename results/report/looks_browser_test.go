package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/verdict"
)

// looks is what the script of TestLooksInBrowser finds.
type looks struct {
	Points, Bare         int
	Faults, Box          int
	Nav, Num, Head       string
	Drawn, Cross, Listed string // of the offending operation: in the picture, and in the table
	First, Second        string
	Hover, Arrow         string
	Rings                int
}

// TestLooksInBrowser opens a report in a narrow window: a value without neighbours is a point with a colour of its own, faults are no
// wider than the window, the sections that do not fit have a shade, and what the configuration allows is
// not red, and the arrows read the values of a chart. Dots are read by pointer and by arrows, one after the other.
func TestLooksInBrowser(t *testing.T) {
	const script = `<script>window.addEventListener('load', function () {
  var of = function (s, p) { return getComputedStyle(document.querySelector(s))[p]; };
  var points = Array.from(document.querySelectorAll('svg .point'));
  var faults = document.querySelector('.faults');
  var box = document.querySelector('figure .tip').closest('.scroll'), said = box.closest('figure').querySelector('.value');
  box.focus();
  var press = function () { document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true})); return said.textContent; };
  var first = press(), second = press();
  var scatter = document.querySelector('[data-texts]').closest('figure'), drawing = scatter.querySelector('svg.chart'), tell = scatter.querySelector('.value');
  var dots = document.querySelectorAll('[data-texts]'), place = dots[0].getAttribute('d').match(/M(\S+) ([^h]+)h0/), at = drawing.getBoundingClientRect(), scale = at.width / 1080;
  drawing.dispatchEvent(new PointerEvent('pointermove', {bubbles: true, clientX: at.left + place[1] * scale + 2, clientY: at.top + place[2] * scale + 2}));
  var hover = tell.textContent, rings = scatter.querySelectorAll('.here').length;
  scatter.querySelector('.scroll').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
  var p = document.createElement('pre');
  p.id = 'looks';
  p.textContent = JSON.stringify({First: first, Second: second, Hover: hover, Arrow: tell.textContent, Rings: rings,
    Points: points.length, Bare: points.filter(function (e) { return getComputedStyle(e).stroke === 'none'; }).length,
    Faults: faults.scrollWidth, Box: faults.parentNode.clientWidth,
    Nav: of('nav .wrap', 'backgroundImage'), Num: of('.num', 'backgroundColor'), Head: of('.pill.allowed', 'color'), Drawn: of('.bar.offending', 'stroke'), Cross: of('.offends', 'fill'), Listed: of('.offending td', 'color')});
  document.body.appendChild(p);
});</script></body>`
	s := staleRead(t, "k3")
	s.Summary.Promises = &verdict.Promises{By: "n1", Models: map[string]bool{"linearizable": false}}
	page := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAllString(render(t, s), "")
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(strings.Replace(page, "</body>", script, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	dom, _ := chromium(t, "--window-size=500,2000", "--dump-dom", "file://"+file)
	m := regexp.MustCompile(`(?s)<pre id="looks">(.*?)</pre>`).FindStringSubmatch(dom)
	if m == nil {
		t.Fatal("the script found nothing")
	}
	var l looks
	if err := json.Unmarshal([]byte(m[1]), &l); err != nil {
		t.Fatalf("%v in %s", err, m[1])
	}
	if l.Points == 0 || l.Bare > 0 {
		t.Errorf("%d of %d points have no colour", l.Bare, l.Points)
	}
	if l.Faults > l.Box {
		t.Errorf("the faults take %d pixels of %d", l.Faults, l.Box)
	}
	if strings.Count(l.Nav, "gradient") != 4 {
		t.Errorf("the sections have the background %s", l.Nav)
	}
	if l.First == "" || l.Second == "" || l.First == l.Second {
		t.Errorf("the arrows read %q, then %q", l.First, l.Second)
	}
	if !strings.Contains(l.Hover, "s: ok, ") || l.Rings != 1 {
		t.Errorf("a pointer near the first dot reads %q, with %d rings", l.Hover, l.Rings)
	}
	if !strings.Contains(l.Arrow, "s: ") || l.Arrow == l.Hover {
		t.Errorf("an arrow goes from %q to %q", l.Hover, l.Arrow)
	}
	for what, colour := range map[string]string{"box": l.Drawn, "cross": l.Cross, "row": l.Listed} {
		if colour != l.Head {
			t.Errorf("the %s of an operation that is allowed is %s, its verdict %s", what, colour, l.Head)
		}
	}
	if l.Num != l.Head {
		t.Errorf("the number of a violation that is allowed is %s, its verdict %s", l.Num, l.Head)
	}
}

// TestFewDots: where there are few operations each is a large point.
func TestFewDots(t *testing.T) {
	for ops, want := range map[int]bool{fewDots - 1: true, fewDots: false} {
		b := history.NewBuilder(history.Header{Source: "lapse", Nodes: []string{"n1"}})
		k := b.Key("k1")
		for i := range history.Time(ops) {
			b.AddPlain(history.Op{Invoke: i * ms, Complete: i*ms + ms/2, Error: -1, Note: -1, Outcome: history.OK}, history.Mop{Func: history.Read, Key: k, Ret: history.Absent, Flags: history.Observed})
		}
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		dots := newDotMeter(h)
		dots.See(h)
		if got := strings.Contains(dots.scatter(h, history.Time(ops)*ms, history.Time(ops)*ms).SVG, "dots few dots-ok"); got != want {
			t.Errorf("%d operations: few is %v", ops, got)
		}
	}
}
