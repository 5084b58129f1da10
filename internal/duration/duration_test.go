package duration

import (
	"math"
	"testing"
	"time"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0 s"},
		{999, "999 ns"},
		{time.Microsecond, "1 µs"},
		{704_400, "704 µs"},
		{999_499, "999 µs"},
		{999_500, "1 ms"},
		{15_849_000, "15.8 ms"},
		{99_949_000, "99.9 ms"},
		{99_951_000, "100 ms"},
		{999_499_999, "999 ms"},
		{999_500_000, "1 s"},
		{1264 * time.Millisecond, "1.26 s"},
		{10 * time.Second, "10 s"},
		{59_949 * time.Millisecond, "59.9 s"},
		{59_950 * time.Millisecond, "1 min"},
		{125 * time.Second, "2 min 5 s"},
		{3599_600 * time.Millisecond, "1 h"},
		{63 * time.Minute, "1 h 3 min"},
		{-1500 * time.Millisecond, "-1.5 s"},
		{math.MaxInt64, "2562047 h 47 min"},
		{math.MinInt64, "-2562047 h 47 min"},
	} {
		if got := Text(c.d); got != c.want {
			t.Errorf("%d ns: %q, want %q", c.d, got, c.want)
		}
	}
	if Seconds(1.5) != "1.5 s" || Millis(0.5) != "500 µs" {
		t.Errorf("%q, %q", Seconds(1.5), Millis(0.5))
	}
}

// TestNoLength has numbers that no time.Duration holds.
func TestNoLength(t *testing.T) {
	for _, c := range []struct {
		s    float64
		want string
	}{
		{math.NaN(), "?"},
		{math.Inf(1), "over 2562047 h 47 min"},
		{math.Inf(-1), "under -2562047 h 47 min"},
		{1e300, "over 2562047 h 47 min"},
		{-1e300, "under -2562047 h 47 min"},
	} {
		if got := Seconds(c.s); got != c.want {
			t.Errorf("Seconds(%g): %q, want %q", c.s, got, c.want)
		}
		if got := Millis(c.s); got != c.want {
			t.Errorf("Millis(%g): %q, want %q", c.s, got, c.want)
		}
	}
}
