// Package duration writes lengths of time in the one format that everything uses which
// people read: three digits and a unit.
package duration

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Text is d with three significant digits and a unit that needs no thought: "704 µs",
// "15.8 ms", "1.26 s", "2 min 5 s", "1 h 3 min". Zero is "0 s".
func Text(d time.Duration) string {
	if d < 0 {
		return "-" + Text(-max(d, -math.MaxInt64)) // the least one has no opposite
	}
	switch {
	case d == 0:
		return "0 s"
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d)
	case d < 999_500*time.Nanosecond:
		return digits(d, time.Microsecond) + " µs"
	case d < 999_500*time.Microsecond:
		return digits(d, time.Millisecond) + " ms"
	case d < 59_950*time.Millisecond:
		return digits(d, time.Second) + " s"
	}
	if s := int64(math.Round(d.Seconds())); s < 3600 {
		return strings.TrimSuffix(fmt.Sprintf("%d min %d s", s/60, s%60), " 0 s")
	}
	m := int64(math.Round(d.Minutes()))
	return strings.TrimSuffix(fmt.Sprintf("%d h %d min", m/60, m%60), " 0 min")
}

// Seconds is Text of a length in seconds; see nanoseconds for what is none.
func Seconds(s float64) string { return nanoseconds(s * 1e9) }

// Millis is Text of a length in milliseconds; see nanoseconds for what is none.
func Millis(ms float64) string { return nanoseconds(ms * 1e6) }

// nanoseconds is Text of a length that need not fit a time.Duration: files of others
// can hold anything. What is longer than the longest is said to be, and what is no
// number is "?".
func nanoseconds(ns float64) string {
	ns = math.Round(ns)
	switch {
	case math.IsNaN(ns):
		return "?"
	case ns >= math.MaxInt64:
		return "over " + Text(math.MaxInt64)
	case ns <= -math.MaxInt64:
		return "under " + Text(-math.MaxInt64)
	}
	return Text(time.Duration(ns))
}

// digits is d in units with three significant digits, without zeros at the end.
func digits(d, unit time.Duration) string {
	v := float64(d) / float64(unit)
	places := 2
	switch {
	case v >= 99.95:
		places = 0
	case v >= 9.995:
		places = 1
	}
	t := strconv.FormatFloat(v, 'f', places, 64)
	if strings.Contains(t, ".") {
		t = strings.TrimRight(strings.TrimRight(t, "0"), ".")
	}
	return t
}
