package registry

import "testing"

// FuzzByName: a name that is understood, with its parameter, is the name of a checker that is found again by it.
func FuzzByName(f *testing.F) {
	for _, name := range []string{"linearizable", "semaphore:3", "semaphore:0", "bounded-staleness:2:500ms", "bounded-staleness:500ms:2", "bounded-staleness:-1", "", ":"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		c, err := ByName(name)
		if err != nil {
			return
		}
		own := c.Model().Name
		again, err := ByName(own)
		if err != nil || again.Model().Name != own {
			t.Errorf("%q is %q, which is not found by that name: %v", name, own, err)
		}
	})
}
