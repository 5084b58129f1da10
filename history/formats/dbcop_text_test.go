package formats

import (
	"math/rand/v2"
	"regexp"
	"testing"
)

// TestHistEvents: an event is taken apart as its regular expression says.
func TestHistEvents(t *testing.T) {
	event := regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(?::=(\d+)|==(\d+|\?))`)
	parts := []string{"x", "Key_1", "9", "_", "@", "[", "`", "{", "Z", ":=", "==", ":=", "==", "=", ":", "?", "0", "12", "00012345678901234567890", " ", "]", "\xc3\xa9"}
	matched := 0
	for seed := range uint64(50000) {
		rng := rand.New(rand.NewPCG(seed, 5))
		text := ""
		for range 1 + rng.IntN(5) {
			text += parts[rng.IntN(len(parts))]
		}
		m := event.FindStringSubmatch(text)
		e, n := cutHistEvent([]byte(text))
		if m == nil {
			if n != 0 {
				t.Fatalf("%q is taken for an event: %+v", text, e)
			}
			continue
		}
		matched++
		if n != len(m[0]) || string(e.variable) != m[1] || string(e.version) != m[2]+m[3] || e.write != (m[2] != "") {
			t.Fatalf("%q: %q %q %v of %d bytes, want %q", text, e.variable, e.version, e.write, n, m)
		}
	}
	if matched < 100 {
		t.Errorf("only %d texts were events", matched)
	}
}
