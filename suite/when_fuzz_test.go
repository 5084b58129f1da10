package suite

import (
	"strings"
	"testing"
)

// FuzzWhen: a condition that is read has a comparison for each of its parts.
func FuzzWhen(f *testing.F) {
	for _, text := range []string{"", "W+R>N", "2*W>N && read==replica", "faults!=none", "W+", "&&", "read<replica", "9999999999999999999*W>N", "W==W==W"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseWhen(text)
		if err != nil || strings.TrimSpace(text) == "" {
			return
		}
		if parts := strings.Count(text, "&&") + 1; len(c) != parts {
			t.Errorf("%q has %d comparisons", text, len(c))
		}
	})
}
