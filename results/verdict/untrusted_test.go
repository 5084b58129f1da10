package verdict

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// TestDriversOfAnyFile: an event of a driver is what a file says. One that no run wrote is a reason of its own, in no
// more time than another, and JSON hides no control character from who reads it.
func TestDriversOfAnyFile(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{`{"name":"eu","seat":0,"what":"lost","why":"gone"}`, "driver eu was lost"},
		{`{"name":"e\u001b[2Ju\n","seat":3,"what":"lost","why":"g\none"}`, "was lost"},
		{`{"name":"eu","seat":9223372036854775806,"what":"joined"}`, "cannot be read"},
		{`{"name":"eu","seat":-1,"what":"lost"}`, "cannot be read"},
		{`{"name":"eu`, "cannot be read"},
	} {
		h := &history.History{Events: []history.Event{{Kind: history.EventDriver, Text: c.text}}}
		got := driversLack(h)
		if len(got) != 1 || !strings.Contains(got[0], c.says) || strings.ContainsAny(got[0], "\x1b\n") {
			t.Errorf("%s: %q", c.text, got)
		}
	}
}
