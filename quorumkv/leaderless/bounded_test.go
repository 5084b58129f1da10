package leaderless

import (
	"net"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A request has its time from its beginning while peers have yet to be tried, as one that says nothing, and as one from whoever carries it out afterwards.
func TestRequestsAreBoundedWhilePeersAreTried(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the system takes connections, and nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, tc := range []struct {
		peer  string
		tried bool
	}{{silent.Addr().String(), false}, {"127.0.0.1:1", true}} {
		node, o := alone(vfs.NewMem())
		node.Peers["n2"], node.PeerTimeout, node.RequestTimeout = tc.peer, time.Hour, time.Hour
		e, err := Open(node, o)
		if err != nil {
			t.Fatal(err)
		}
		if tc.tried {
			if err := e.agrees(t.Context()); err != nil { // waits
				t.Fatal(err)
			}
		}
		ctx, cancel := e.bounded(t.Context())
		if _, bounded := ctx.Deadline(); bounded == tc.tried || e.links.AllTried() != tc.tried {
			t.Errorf("tried %t (said to be %t): has a deadline %t", tc.tried, e.links.AllTried(), bounded)
		}
		cancel()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
