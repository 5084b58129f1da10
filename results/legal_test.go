package results

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
)

// TestLegalText names the write of a legal value unless the witness has it.
func TestLegalText(t *testing.T) {
	h := staleHistory(t) // write 1, read 1, write 2, read 2, write 3, read 2, ...
	v := checkers.Violation{Key: "k0", Ops: []int{2, 4, 5}, Legal: []string{"3", "1", "77"}}
	got := LegalText(h, &v)
	want := "3, 1 (written by session 1, t=0.000000s..0.001000s), 77"
	if got != want {
		t.Errorf("got  %s\nwant %s (the key is %s)", got, want, h.KeyName(h.Mop(&h.Ops[0]).Key))
	}
	v.Legal = nil
	if got := LegalText(h, &v); strings.TrimSpace(got) != "" {
		t.Errorf("nothing legal is said as %q", got)
	}
}
