package nemesis

import (
	"testing"
	"testing/synctest"
)

// TestSlowBetweenRegions: where links are long all the time, longer than any fault makes
// them, slow links are seen to be slower than that and to be as they were.
func TestSlowBetweenRegions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3, lies{farApart: true})
		o := f.scene().run(t.Context(), planFor(t, 3, 3, OneAtATime, "slow"))
		if o.Injected == 0 || o.TookEffect != o.Injected || o.Healed != o.Injected {
			t.Errorf("outcome %+v", o)
		}
		f.whole(t)
	})
}
