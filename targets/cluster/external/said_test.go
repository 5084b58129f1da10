package external_test

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster/external"
)

// TestSaid: what a program wrote is untrusted: its last line alone is told, cut, and without what
// would be an instruction to a terminal or a secret.
func TestSaid(t *testing.T) {
	t.Setenv("LAPSE_REDIS_PASSWORD", "hunter-two")
	for _, c := range []struct{ wrote, want string }{
		{"", ""},
		{"\n \n", ""},
		{"first\nlast\n", "; it says: last"},
		{"\x1b[2Jgone\x07", "; it says:  [2Jgone "},
		{"the password is hunter-two", "; it says: the password is ***"},
		{"\xff\xfe", "; it says: ?"},
		{strings.Repeat("é", 301), "; it says: " + strings.Repeat("é", 300) + " ..."},
		{strings.Repeat("é", 300), "; it says: " + strings.Repeat("é", 300)},
	} {
		out, err := external.Output()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.WriteString(c.wrote); err != nil {
			t.Fatal(err)
		}
		if got := external.Said(out); got != c.want {
			t.Errorf("%q says %q, want %q", c.wrote, got, c.want)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
}
