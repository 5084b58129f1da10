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

// TestDurations: all are read, or the first that is wrong is told; how they are written is one way.
func TestDurations(t *testing.T) {
	var wait, lag time.Duration
	list := []targets.DurationSetting{{Option: "wait", Value: &wait, Least: time.Second}, {Option: "lag", Value: &lag}}
	options := map[string]string{"wait": "1500ms", "lag": "0", "other": "1000ms"}
	if err := targets.Durations(options, list); err != nil || wait != 1500*time.Millisecond || lag != 0 ||
		options["wait"] != "1.5s" || options["lag"] != "0s" || options["other"] != "1000ms" {
		t.Errorf("%v, %v, %v, %v", wait, lag, options, err)
	}
	for _, options := range []map[string]string{{"wait": "999ms", "lag": "0s"}, {"wait": "1s", "lag": "soon"}} {
		var usage *targets.UsageError
		if err := targets.Durations(options, list); !errors.As(err, &usage) {
			t.Errorf("%v: %v", options, err)
		}
	}
}
