package share

import (
	"math"
	"testing"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		part   float64
		digits int
		want   string
	}{
		{0, Figure, "0 %"},
		{1, Figure, "100 %"},
		{1, Estimate, "100 %"},
		{0.71021, Figure, "71.02 %"},
		{0.5, Figure, "50 %"},
		{0.25, Estimate, "25 %"},
		{0.324, Estimate, "32 %"},
		{0.107, Figure, "10.7 %"},
		{0.00324, Estimate, "0.32 %"},
		{0.0000224, Estimate, "0.0022 %"},
		{1e-7, Estimate, "0.00001 %"},
		{1e-12, Estimate, "under 0.000001 %"},
		// Neither all nor nothing is said of what is not.
		{0.9996, Estimate, "99.96 %"},
		{0.995, Estimate, "99.5 %"},
		{0.99994, Figure, "99.99 %"},
		{0.99999, Figure, "99.999 %"},
		{0.9999999999, Figure, "over 99.999999 %"},
		// Not a part, but no reason for another format.
		{1.5, Figure, "150 %"},
		{12.345, Estimate, "1234 %"},
		{-0.125, Figure, "-12.5 %"},
		{math.NaN(), Figure, "?"},
		{math.Inf(1), Figure, "?"},
	} {
		if got := Text(c.part, c.digits); got != c.want {
			t.Errorf("%v with %d digits: %q, want %q", c.part, c.digits, got, c.want)
		}
	}
}
