package text

import (
	"testing"

	"github.com/lapse-test/lapse/history"
)

// TestSpan: what is shown of an operation's times does not hide which was first.
func TestSpan(t *testing.T) {
	for _, c := range []struct {
		clock    string
		from, to history.Time
		want     string
	}{
		{"", 2_000_000, 3_000_000, "t=0.002000..0.003000 s"},
		{"", 2_000_000, 2_001_000, "t=0.002000..0.002001 s"},
		{"", 2_000_000, 2_000_999, "t=0.002000000..0.002000999 s"},
		{"", 1_000_000_002, 1_000_000_003, "t=1.000000002..1.000000003 s"},
		{"", 2, history.Never, "t=0.000000..? s"},
		{history.ClockOrder, 2, 3, "events 2..3"},
		{history.ClockOrder, 2, history.Never, "events 2..?"},
		{history.ClockNone, 0, 0, ""},
	} {
		h := &history.History{Header: history.Header{Attributes: map[string]string{}}}
		if c.clock != "" {
			h.Header.Attributes[history.AttributeClock] = c.clock
		}
		if got := Span(h, &history.Op{Invoke: c.from, Complete: c.to}); got != c.want {
			t.Errorf("clock %q, %d to %d: %q, want %q", c.clock, c.from, c.to, got, c.want)
		}
	}
}
