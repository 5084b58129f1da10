package nemesis

import (
	"os"
	"strings"
	"testing"
)

// TestFaultsPage keeps docs/faults.md true: it names every fault there is, and
// its schedule can be read.
func TestFaultsPage(t *testing.T) {
	b, err := os.ReadFile("../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, f := range All() {
		if !strings.Contains(page, "| `"+f.Name+"` | ") {
			t.Errorf("the page does not describe %s", f.Name)
		}
	}
	_, rest, _ := strings.Cut(page, "```json\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page has no example of a schedule")
	}
	s, err := ReadSchedule(strings.NewReader(example))
	if err != nil || len(s.Steps) != 2 {
		t.Errorf("the page's schedule: %+v, %v", s, err)
	}
}
