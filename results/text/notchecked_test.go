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
		{[]verdict.NotChecked{b, a, c}, "  2 models not checked, because there are no processes:\n    causal, pram\n  list   - not checked: there is no list\n"},
	} {
		var out strings.Builder
		printNotChecked(&out, x.list, len("causal"))
		if out.String() != x.want {
			t.Errorf("%v is printed as\n%s\nwant\n%s", x.list, out.String(), x.want)
		}
	}
}
