package gate

import (
	"math"
	"testing"
)

// FuzzParseThreshold: what is read is a figure that there is, against a limit that it can be compared with.
func FuzzParseThreshold(f *testing.F) {
	for _, s := range []string{"read.p99 < 250ms outside faults", "recovery < 10s", "availability > 0.95", "rate > 1e3", "hottest < nan", "lag > -1s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseThreshold(s)
		if err != nil {
			return
		}
		if _, ok := measurable()[got.Figure]; !ok || math.IsNaN(got.Limit) || math.IsInf(got.Limit, 0) || got.Limit < 0 {
			t.Fatalf("%q is read as %+v", s, got)
		}
	})
}
