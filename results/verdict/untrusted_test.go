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

// TestReplacedDriver: a gap that another driver ended is told, and is no reason against a verdict.
func TestReplacedDriver(t *testing.T) {
	event := func(at history.Time, text string) history.Event {
		return history.Event{At: at, Kind: history.EventDriver, Text: text}
	}
	h := &history.History{Events: []history.Event{
		event(1e9, `{"name":"eu","seat":0,"what":"joined"}`),
		event(2e9, `{"name":"eu","seat":0,"what":"lost","why":"gone"}`),
		event(5e9, `{"name":"us\u001b","seat":0,"what":"joined","replaces":"eu","empty_ns":3000000000}`),
	}}
	if got := driversLack(h); got != nil {
		t.Errorf("%q", got)
	}
	want := "driver eu was lost, and its clients asked nothing for 3 s, until us took its place 5 s after the run began"
	if got := CoverageOf(h).Says(); len(got) != 1 || got[0] != want {
		t.Errorf("%q", got)
	}
	if got := h.Events[2].Words(); got != "driver us joined; the place of eu was empty for 3 s" {
		t.Errorf("%q", got)
	}
	h.Events = h.Events[:1]
	if got := CoverageOf(h); got != nil {
		t.Errorf("%+v", got)
	}
}
