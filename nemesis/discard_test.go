package nemesis

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestDiscarded takes the nodes away at moments all over a schedule, of a database that takes an hour to serve again: nothing
// is waited for from then on, and what was not seen to be healed is said to have been left.
func TestDiscarded(t *testing.T) {
	for _, mode := range []Mode{OneAtATime, Mixed} {
		left := 0
		for at := 500 * time.Millisecond; at < 31*time.Second; at += 500 * time.Millisecond {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(5, lies{})
				f.readyAfter = time.Hour
				time.Sleep(2 * time.Hour) // those that run serve
				discarded := make(chan struct{})
				s := f.scene()
				s.Discarded = discarded
				ctx, interrupt := context.WithTimeout(t.Context(), at)
				defer interrupt()
				began := time.Now()
				time.AfterFunc(at+300*time.Millisecond, func() { close(discarded) })
				o := s.run(ctx, planFor(t, 5, 11, mode, "kill", "pause", "partition", "flap", "clock", "pause-clients"))
				// The period of a flap and that of a look at what is awaited are all that it may take longer.
				if took := time.Since(began); took > at+300*time.Millisecond+flapEvery {
					t.Errorf("%s, discarded after %s: it took %s", mode, at+300*time.Millisecond, took)
				}
				if len(o.Ineffective)+len(o.Unhealed)+len(o.Unexpected) > 0 {
					t.Errorf("%s, %s: the interrupt is said to be the faults': %+v", mode, at, o)
				}
				for _, h := range f.faults {
					if h.Healed == 0 {
						left++
						if h.Error != errDiscarded.Error() {
							t.Errorf("%s, %s: a fault that was not healed says %q", mode, at, h.Error)
						}
					}
				}
			})
		}
		if left == 0 {
			t.Errorf("%s: no fault was left", mode)
		}
	}
}
