package runs

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
)

// A run with a defect is the case's request with the defect on, and with a load that goes on until it shows where that is told meanwhile; the case keeps its own.
func TestDefective(t *testing.T) {
	for _, c := range []struct {
		defect  defect.Defect
		asked   time.Duration
		defects string
		lasts   time.Duration
		stops   bool
	}{
		{defect.StaleCache, 6 * time.Second, "stale-cache", longest, true},
		{defect.StaleCache, time.Minute, "stale-cache", time.Minute, true},
		{defect.DropHints, 6 * time.Second, "drop-hints", 6 * time.Second, false},
		{defect.StaleRing, 6 * time.Second, "stale-ring@n1", longest, true},
	} {
		for _, one := range SelftestCases(c.asked) {
			if one.Defect != c.defect.String() {
				continue
			}
			r := one.Defective()
			if r.Options["defects"] != c.defects || r.Duration != c.lasts || r.StopOnViolation != c.stops {
				t.Errorf("%s asked for %s: defects %q for %s, stops %t", c.defect, c.asked, r.Options["defects"], r.Duration, r.StopOnViolation)
			}
			if one.Request.Options["defects"] != "" || one.Request.Duration != c.asked {
				t.Errorf("%s without it: defects %q for %s", c.defect, one.Request.Options["defects"], one.Request.Duration)
			}
		}
	}
}
