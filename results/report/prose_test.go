package report

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
)

// TestProse: a flag stays whole, and a text of others is no markup.
func TestProse(t *testing.T) {
	for text, want := range map[string]string{
		"use --fault-hold 2s, or a longer --duration": `use <span class="flag">--fault-hold</span> 2s, or a longer <span class="flag">--duration</span>`,
		"<b>--a&b":    `&lt;b&gt;<span class="flag">--a</span>&amp;b`,
		"k1 -- \"x\"": `k1 -- &#34;x&#34;`,
	} {
		var b strings.Builder
		if err := prose(text).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("%q: %q, want %q", text, b.String(), want)
		}
	}
}

// TestReasonsBeforeThePromise: what a verdict lacks follows the verdict; behind the promise it would read as why a database does not promise it.
func TestReasonsBeforeThePromise(t *testing.T) {
	var b strings.Builder
	c := claim{Text: "0 in 44 reads", Promise: "not promised: it may break in another run"}
	c.Verdict = checkers.Verdict{Model: "linearizable", Status: checkers.Inconclusive,
		Reasons: []string{"only 58 operations succeeded, 100 are required", "no fault outlasted --fault-hold"}}
	if err := claimRow(c).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	const want = `0 in 44 reads<br>because only 58 operations succeeded, 100 are required<br>because no fault outlasted <span class="flag">--fault-hold</span><br><span class="promise">not promised: it may break in another run</span>`
	if got := tight.Replace(b.String()); !strings.Contains(got, want) {
		t.Errorf("%s\nlacks\n%s", got, want)
	}
}

// tight leaves out the spaces beside the ends of lines, which browsers do not show.
var tight = strings.NewReplacer(" <br>", "<br>", "<br> ", "<br>")
