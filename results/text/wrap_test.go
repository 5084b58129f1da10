package text

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestFit prints a verdict with long texts at several widths: no line is wider than the
// terminal, no word is lost, and what goes on below stands under its column.
func TestFit(t *testing.T) {
	a := &verdict.Assessment{
		Promises: &verdict.Promises{By: "quorumkv at write 1, read 1", Models: map[string]bool{"read-your-writes": false}},
		Verdicts: []checkers.Verdict{{
			Model: "read-your-writes", Status: checkers.Violated, Total: 215, Evidence: checkers.Evidence{OK: 4000, AtRisk: 2441, Keys: 1},
			Reasons: []string{"a reason that goes on for so long that no terminal of eighty columns has room for it"},
		}},
	}
	var plain strings.Builder
	PrintVerdicts(&plain, Style{}, a)
	for _, width := range []int{80, 140} {
		for _, on := range []bool{false, true} {
			var out strings.Builder
			PrintVerdicts(&out, Style{on: on, width: width}, a)
			for line := range strings.Lines(out.String()) {
				if n := visible(strings.TrimSuffix(line, "\n")); n > width {
					t.Errorf("%d columns where there are %d: %q", n, width, line)
				}
			}
			if got, want := fmt.Sprint(strings.Fields(uncoloured(out.String()))), fmt.Sprint(strings.Fields(plain.String())); got != want {
				t.Errorf("%d columns: %s\nwant %s", width, got, want)
			}
		}
	}
	if got, want := broken("  model     ✗ violated   and so on, and on, and on, and on", 40), "  model     ✗ violated   and so on, and\n            on, and on, and on"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := broken("  doctor  ready  Postgres 18 at /"+strings.Repeat("x", 30)+" by itself", 40), "  doctor  ready  Postgres 18 at\n         /"+strings.Repeat("x", 30)+"\n                 by itself"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, s := range []Style{{}, {on: true}} {
		line := "  run  quorumkv  write 1, read 1  register  " + s.Status(checkers.Violated) + ", allowed  seed 7"
		if got, want := uncoloured(broken(line, 46)), "  run  quorumkv  write 1, read 1  register\n                 ✗ violated, allowed  seed 7"; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	for line, want := range map[string]string{
		"behind by 4 versions and by a time of 118 ms, at most": "behind by 4 versions and by a time of\n  118 ms, at most",
		"behind by 4 versions and by a time of 118 mice, or so": "behind by 4 versions and by a time of 118\n  mice, or so",
		"one of those that were never seen is of (12 %) of all": "one of those that were never seen is of\n  (12 %) of all",
	} {
		if got := broken(line, 41); got != want {
			t.Errorf("a number and its unit: got\n%s\nwant\n%s", got, want)
		}
	}
	if got := broken(strings.Repeat("x", 50), 40); got != strings.Repeat("x", 50) {
		t.Errorf("a word without a place to break it at became %q", got)
	}
}
