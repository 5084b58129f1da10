package suites_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/suites"
)

var update = flag.Bool("update", false, "rewrite the table of docs/track-record.md")

const (
	page  = "../docs/track-record.md"
	begin = "<!-- findings -->\n"
	end   = "<!-- end of findings -->\n"
)

// TestTrackRecord keeps the page of the track record true: its table is made from the
// suite that shows the findings.
func TestTrackRecord(t *testing.T) {
	text, err := suites.ByName(suites.KnownFindings)
	if err != nil {
		t.Fatal(err)
	}
	f, err := suite.Parse(suites.KnownFindings, text)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f.Findings()); n < 12 {
		t.Errorf("there are %d findings", n)
	}
	for _, c := range f.Cases {
		if c.Finding == nil && c.ControlOf == "" {
			t.Errorf("the case %s is neither a finding nor a control", c.Name)
		}
	}
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", page)
	}
	want := head + begin + f.RecordTable() + end + tail
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(b) != want {
		t.Errorf("the findings changed: go test ./suites -run TrackRecord -update rewrites the table of %s", page)
	}
}
