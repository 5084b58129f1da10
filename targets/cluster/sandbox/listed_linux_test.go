package sandbox

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"
)

// TestListed: a list that the kernel marks as interrupted is asked for again, any other error is not.
func TestListed(t *testing.T) {
	whole := []netlink.Link{&netlink.Dummy{}}
	other := errors.New("no such device")
	for name, c := range map[string]struct {
		interrupted int
		then, want  error
		asked       int
	}{
		"at once":          {0, nil, nil, 1},
		"the third time":   {2, nil, nil, 3},
		"never":            {maxLists, nil, netlink.ErrDumpInterrupted, maxLists},
		"another error":    {0, other, other, 1},
		"and then another": {1, other, other, 2},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			links, err := listed(func() ([]netlink.Link, error) {
				if asked++; asked <= c.interrupted {
					return whole[:0], netlink.ErrDumpInterrupted
				}
				return whole, c.then
			})
			if !errors.Is(err, c.want) || asked != c.asked {
				t.Errorf("asked %d times, error %v; want %d and %v", asked, err, c.asked, c.want)
			}
			if c.want == nil && len(links) != len(whole) {
				t.Errorf("%d interfaces, want %d", len(links), len(whole))
			}
		})
	}
}
