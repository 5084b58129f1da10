package report_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/report"
)

// tab is a page in Chromium that is driven as a person does, over the pipes of its developer tools: --dump-dom has no keyboard and no printer.
type tab struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	session string
	calls   int
}

// openTab shows page in dark colours.
func openTab(t *testing.T, page string) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not on the PATH: install it, on Debian with apt-get install chromium")
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	commands, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, answers, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir())
	cmd.ExtraFiles = []*os.File{commands, answers}
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(commands.Close(), answers.Close()); err != nil { // or a browser that ends would not end the test
		t.Fatal(err)
	}
	b := &tab{t: t, to: to, from: bufio.NewReader(from)}
	t.Cleanup(func() {
		b.session = ""
		b.call("Browser.close", struct{}{}, nil)
		_, drained := io.Copy(io.Discard, b.from) // until it has ended, with all that it writes
		if err := errors.Join(drained, cmd.Wait(), to.Close(), from.Close()); err != nil {
			t.Error(err)
		}
	})
	var made struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &made)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	b.media("")
	b.call("Page.navigate", map[string]any{"url": "file://" + file}, nil)
	for loaded := false; !loaded; {
		b.eval(`location.protocol === 'file:' && document.readyState === 'complete' && (!document.getElementById('tl') || !document.getElementById('tl').hidden)`, &loaded)
	}
	return b
}

// call asks the browser and waits for its answer.
func (b *tab) call(method string, params, result any) {
	b.t.Helper()
	b.calls++
	text, err := json.Marshal(map[string]any{"id": b.calls, "method": method, "params": params, "sessionId": b.session})
	if err != nil {
		b.t.Fatal(err)
	}
	if b.session == "" {
		text = []byte(strings.Replace(string(text), `,"sessionId":""`, "", 1))
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		b.t.Fatal(err)
	}
	for {
		line, err := b.from.ReadBytes(0)
		if err != nil {
			b.t.Fatal(err)
		}
		var answer struct {
			ID     int
			Error  json.RawMessage
			Result json.RawMessage
		}
		if err := json.Unmarshal(line[:len(line)-1], &answer); err != nil {
			b.t.Fatal(err)
		}
		if answer.ID != b.calls {
			continue // an event
		}
		if answer.Error != nil {
			b.t.Fatalf("%s: %s", method, answer.Error)
		}
		if result != nil {
			if err := json.Unmarshal(answer.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
		return
	}
}

// eval has the page evaluate an expression.
func (b *tab) eval(expression string, result any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, answer.ExceptionDetails)
	}
	if err := json.Unmarshal(answer.Result.Value, result); err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
}

// media has the page drawn for a medium, the screen if it is empty, for whoever prefers dark colours.
func (b *tab) media(medium string) {
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": medium, "features": []map[string]string{{"name": "prefers-color-scheme", "value": "dark"}}}, nil)
}

// press presses a key and lets it go; text is what it types.
func (b *tab) press(key, text string, code int) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		k := map[string]any{"type": kind, "key": key, "windowsVirtualKeyCode": code}
		if kind == "keyDown" && text != "" {
			k["text"] = text
		}
		b.call("Input.dispatchKeyEvent", k, nil)
	}
}

// focused is what of a page the keyboard is at: Place is its number among all that can be reached, -1 the page as a whole.
type focused struct {
	Place int
	Name  string
	Ring  bool
	// Scrolls: it is none of those, but scrolls.
	Scrolls bool
}

const focusable = `Array.from(document.querySelectorAll('a[href], button, select, input, summary, [tabindex="0"]')).filter(function (e) { return e.checkVisibility({visibilityProperty: true}); })`

// TestKeyboardInBrowser goes through a report with the key Tab: everything that can be used is reached once, in its order, each time with a ring that is seen, and
// nothing holds the keyboard. Enter opens a witness that is closed, and closes it; n and p go from violation to violation.
func TestKeyboardInBrowser(t *testing.T) {
	b := openTab(t, report.Rendered(t, report.StaleRead(t, "k3")))
	var all int
	b.eval(focusable+`.length`, &all)
	if all < 15 {
		t.Fatalf("the page has only %d things to use", all)
	}
	at := func() (f focused) {
		b.eval(`(function () { var e = document.activeElement, s = getComputedStyle(e); return {Place: `+focusable+`.indexOf(e), Name: e.tagName + ' ' + (e.textContent || e.id).trim().slice(0, 40), Ring: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2, Scrolls: e.tabIndex < 0 && e.scrollWidth > e.clientWidth && e !== document.body}; })()`, &f)
		return f
	}
	summary := -1
	for want := range all {
		b.press("Tab", "", 9)
		f := at()
		for f.Scrolls { // newer browsers stop where keys scroll, too
			b.press("Tab", "", 9)
			f = at()
		}
		if f.Place != want {
			t.Fatalf("Tab %d goes to %d: %s", want, f.Place, f.Name)
		}
		if !f.Ring {
			t.Errorf("%s has no ring while the keyboard is at it", f.Name)
		}
		if strings.HasPrefix(f.Name, "SUMMARY") && summary < 0 {
			summary = want
			var before, between, after bool
			const open = `document.activeElement.parentNode.open`
			b.eval(open, &before)
			b.press("Enter", "\r", 13)
			b.eval(open, &between)
			b.press("Enter", "\r", 13)
			b.eval(open, &after)
			if before == between || before != after {
				t.Errorf("Enter at %s: open %t, then %t, then %t", f.Name, before, between, after)
			}
		}
	}
	if summary < 0 {
		t.Error("no witness was reached")
	}
	b.eval(`(document.activeElement.blur(), true)`, new(bool))
	for _, key := range []string{"n", "p"} {
		var said string
		b.press(key, key, int(strings.ToUpper(key)[0]))
		b.eval(`document.getElementById('tl-detail').textContent`, &said)
		if !strings.Contains(said, "session") {
			t.Errorf("%s shows %q", key, said)
		}
	}
}

// TestPrintInBrowser: who prefers dark colours has a light page on paper, on which each text has a contrast of 4.5 to white.
func TestPrintInBrowser(t *testing.T) {
	for name, page := range map[string]string{"report": report.Rendered(t, report.StaleRead(t, "k3")), "suite": report.RenderedSuite(t, report.SuiteOf(t, "k3"))} {
		b := openTab(t, page)
		const pale = `(function () {
  var light = function (c) { var v = c.match(/[\d.]+/g).slice(0, 3).map(function (x) { x /= 255; return x <= .03928 ? x / 12.92 : Math.pow((x + .055) / 1.055, 2.4); }); return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
  var faults = [], texts = 0, walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    var e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility() || /^(SCRIPT|STYLE|TITLE)$/i.test(e.tagName)) continue;
    var s = getComputedStyle(e), c = e.namespaceURI.indexOf('svg') > 0 ? s.fill : s.color;
    if (c === 'none' || /, 0\)$/.test(c)) continue;
    texts++;
    if (1.05 / (light(c) + .05) < 4.5) faults.push(c + ' ' + walk.currentNode.data.trim().slice(0, 40));
  }
  return {Texts: texts, Faults: faults.slice(0, 5), All: faults.length};
})()`
		var seen struct {
			Texts, All int
			Faults     []string
		}
		b.eval(pale, &seen)
		if seen.All < 10 {
			t.Errorf("%s: on a dark screen only %d of %d texts are light", name, seen.All, seen.Texts)
		}
		b.media("print")
		b.eval(pale, &seen)
		if seen.Texts < 20 || seen.All > 0 {
			t.Errorf("%s: on paper %d of %d texts cannot be read: %q", name, seen.All, seen.Texts, seen.Faults)
		}
	}
}
