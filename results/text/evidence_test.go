package text

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
)

// TestEvidenceOfNothing: nothing is said of what was counted where a check decided nothing, and of what was counted where it
// is too little.
func TestEvidenceOfNothing(t *testing.T) {
	counted := checkers.Evidence{OK: 1200, Reads: 700, AtRisk: 500, Keys: 3}
	for _, c := range []struct {
		verdict checkers.Verdict
		want    string
	}{
		{checkers.Verdict{Status: checkers.Inconclusive, NotDecided: true}, "not decided"},
		{checkers.Verdict{Status: checkers.Inconclusive, NotDecided: true, Evidence: counted, Elapsed: time.Second}, "not decided"},
		{checkers.Verdict{Status: checkers.Inconclusive}, "0 operations ok on 0 keys, 0 overlapping (0 s)"},
		{checkers.Verdict{Status: checkers.Inconclusive, Evidence: counted, Elapsed: time.Second}, "0 in 500 reads that could have exposed a violation; true rate < 0.6 % (95 % confidence) (1 s)"},
	} {
		if got := Evidence(c.verdict); got != c.want {
			t.Errorf("%+v: %q, want %q", c.verdict, got, c.want)
		}
	}
}
