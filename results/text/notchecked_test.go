package text

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/verdict"
)

// TestNotChecked: a reason that several models share is printed once, with all of them.
func TestNotChecked(t *testing.T) {
	a := verdict.NotChecked{Model: "list", Reason: "there is no list"}
	b := verdict.NotChecked{Model: "causal", Reason: "there are no processes"}
	c := verdict.NotChecked{Model: "pram", Reason: "there are no processes"}
	for _, x := range []struct {
		list []verdict.NotChecked
		want string
	}{
		{nil, ""},
		{[]verdict.NotChecked{a}, "  list   - not checked: there is no list\n"},
		{[]verdict.NotChecked{a, b}, "  list   - not checked: there is no list\n  causal - not checked: there are no processes\n"},
		{[]verdict.NotChecked{b, a, c}, "  2 models not checked (there are no processes):\n    causal, pram\n  list   - not checked: there is no list\n"},
	} {
		var out strings.Builder
		printNotChecked(&out, x.list, len("causal"))
		if out.String() != x.want {
			t.Errorf("%v is printed as\n%s\nwant\n%s", x.list, out.String(), x.want)
		}
	}
}

// TestNotCheckedFits: on terminals of 80 and 140 columns no line of it is wider than the terminal, what goes on
// below is indented, and no word is lost.
func TestNotCheckedFits(t *testing.T) {
	reason := "the history names no processes, so that nothing is known of sessions and of real time"
	a := &verdict.Assessment{NotChecked: []verdict.NotChecked{
		{Model: "strong-session-snapshot-isolation", Reason: reason},
		{Model: "counter", Reason: "there are no increments, and no reads of counters either, that anything could be told from, however long one looks"},
		{Model: "strong-parallel-snapshot-isolation", Reason: reason}, {Model: "strong-transactional-causal", Reason: reason},
		{Model: "strict-serializable", Reason: reason}, {Model: "strong-repeatable-read", Reason: reason}, {Model: "strong-read-atomic", Reason: reason},
	}}
	var plain strings.Builder
	PrintVerdicts(&plain, Style{}, a)
	for _, width := range []int{80, 140} {
		var out strings.Builder
		PrintVerdicts(&out, Style{on: true, width: width}, a)
		lines := 0
		for line := range strings.Lines(out.String()) {
			lines++
			if n := visible(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns where there are %d: %q", n, width, line)
			}
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("%d columns: %q begins at the margin", width, line)
			}
		}
		if lines <= strings.Count(plain.String(), "\n") {
			t.Errorf("%d columns: nothing was broken:\n%s", width, out.String())
		}
		if got, want := strings.Join(strings.Fields(uncoloured(out.String())), " "), strings.Join(strings.Fields(plain.String()), " "); got != want {
			t.Errorf("%d columns: %s\nwant %s", width, got, want)
		}
	}
}
