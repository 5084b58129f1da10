package targets_test

import (
	"errors"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets"
)

// TestDurationOption: both bounds are part of the range, and who is refused reads it.
func TestDurationOption(t *testing.T) {
	for _, c := range []struct {
		value       string
		least, most time.Duration
		want        time.Duration
		text        string
	}{
		{"1ms", time.Millisecond, 24 * time.Hour, time.Millisecond, ""},
		{"24h", time.Millisecond, 24 * time.Hour, 24 * time.Hour, ""},
		{"999us", time.Millisecond, 24 * time.Hour, 0, "--set wait=999us: want a duration from 1ms to 24h, such as 2s"},
		{"25h", time.Millisecond, 24 * time.Hour, 0, "--set wait=25h: want a duration from 1ms to 24h, such as 2s"},
		{"5", 10 * time.Second, 90 * time.Second, 0, "--set wait=5: want a duration from 10s to 1m30s, such as 10s"},
		{"", 0, time.Second, 0, "--set wait=: want a duration from 0s to 1s, such as 1s"},
	} {
		got, err := targets.DurationOption(map[string]string{"wait": c.value}, "wait", c.least, c.most)
		var usage *targets.UsageError
		switch {
		case c.text == "" && (err != nil || got != c.want):
			t.Errorf("%s: %v, %v, want %v", c.value, got, err, c.want)
		case c.text != "" && (!errors.As(err, &usage) || err.Error() != c.text):
			t.Errorf("%s: %v, want %s", c.value, err, c.text)
		}
	}
}
