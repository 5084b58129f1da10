package workloads

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestWorkloadsPage keeps docs/workloads.md true: it names every workload with
// its needs, its kinds with their shares, and its options with their defaults.
func TestWorkloadsPage(t *testing.T) {
	b, err := os.ReadFile("../docs/workloads.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, w := range All() {
		row := ""
		for line := range strings.SplitSeq(page, "\n") {
			if strings.HasPrefix(line, "| `"+w.Name()+"` | ") {
				row = line
			}
		}
		for _, f := range w.Needs().Funcs {
			if !strings.Contains(row, f.String()) {
				t.Errorf("%s: the table does not say that it needs %s", w.Name(), f)
			}
		}
		for kind, share := range w.Weights() {
			if !strings.Contains(page, fmt.Sprintf("`%s` (%d", kind, share)) {
				t.Errorf("%s: the page does not say that %s has the share %d", w.Name(), kind, share)
			}
		}
		for _, o := range w.Options() {
			if !strings.Contains(page, fmt.Sprintf("`%s` (%s)", o.Name, o.Default)) {
				t.Errorf("%s: the page does not say that the option %s is %s by default", w.Name(), o.Name, o.Default)
			}
		}
	}
}
