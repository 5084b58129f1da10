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
	pairs := pairsOnThePage(t, page)
	for _, f := range All() {
		if !pairs[f.Name] {
			t.Errorf("the page has no runs of %s, of which one shows what it breaks and one does not", f.Name)
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

// pairsOnThePage are the faults of which the page has a run that shows what they break, and one in which that does not break, or
// says why there is none.
func pairsOnThePage(t *testing.T, page string) map[string]bool {
	_, rest, begins := strings.Cut(page, "<!-- pairs -->\n")
	table, _, ends := strings.Cut(rest, "<!-- end of pairs -->")
	rows := strings.Split(strings.TrimSpace(table), "\n")
	if !begins || !ends || len(rows) < 3 {
		t.Fatal("the page has no table of what each fault breaks")
	}
	out := map[string]bool{}
	for _, row := range rows[2:] {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if len(cells) != 3 || strings.TrimSpace(cells[1]) == "" || strings.TrimSpace(cells[2]) == "" {
			t.Errorf("not three cells: %s", row)
			continue
		}
		for name := range strings.SplitSeq(cells[0], ", ") {
			name = strings.Trim(name, "`")
			if _, err := find(name); err != nil || out[name] {
				t.Errorf("%q is no fault, or is there twice", name)
			}
			out[name] = true
		}
	}
	return out
}
