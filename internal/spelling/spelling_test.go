package spelling

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	names := []string{"register", "session", "partition", "partition-one", "kill"}
	for given, want := range map[string]string{
		"register": "register", "regster": "register", "REGISTRE": "register",
		"partition-on": "partition-one", "partitoin": "partition", "kil": "kill",
		"linearizable": "", "": "", "k": "", strings.Repeat("register", 20): "",
	} {
		if got := Nearest(given, names); got != want {
			t.Errorf("%q is taken for %q, want %q", given, got, want)
		}
	}
	if got := Hint("sesion", names); got != ` (did you mean "session"?)` {
		t.Errorf("the hint is %q", got)
	}
	if got := Hint("bank", names); got != "" {
		t.Errorf("the hint is %q", got)
	}
}

// TestDistance holds the properties of a metric, and the ends of the row.
func TestDistance(t *testing.T) {
	words := []string{"", "a", "ab", "ba", "abc", "kitten", "sitting", strings.Repeat("x", longest)}
	for _, a := range words {
		for _, b := range words {
			d := distance(a, b)
			if d != distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
				t.Errorf("%q and %q are %d apart", a, b, d)
			}
			for _, c := range words {
				if distance(a, c) > d+distance(b, c) {
					t.Errorf("%q is farther from %q than by way of %q", a, c, b)
				}
			}
		}
	}
	if d := distance("kitten", "sitting"); d != 3 {
		t.Errorf("kitten and sitting are %d apart, want 3", d)
	}
}
