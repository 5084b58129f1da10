package exec

import (
	"testing"

	"github.com/lapse-test/lapse/targets"
)

// TestDetection: of one node there is nobody to find out that it is gone; of more it is not known how long that takes.
func TestDetection(t *testing.T) {
	for _, c := range []struct {
		nodes []string
		known bool
	}{{[]string{"n1"}, true}, {[]string{"n1", "n2"}, false}} {
		d := (&described{h: Hello{Nodes: c.nodes}}).Detection(targets.Config{})
		if d.After != 0 || (d.By == "") != c.known {
			t.Errorf("%v: %+v", c.nodes, d)
		}
	}
}
