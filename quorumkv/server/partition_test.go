package server

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/coordinator"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

func quick(c *Config) { c.PeerTimeout, c.RequestTimeout = 200*time.Millisecond, 500*time.Millisecond }

// The smaller side of a partition answers, and with the truth; the larger goes on; both are one again after it.
func TestPartition(t *testing.T) {
	c := startCluster(t, 3, true, quick)
	mustPut(t, c.clients["n1"], "k", "before", "ALL")
	c.isolate("n1", true)

	var e *client.Error
	_, err := c.clients["n1"].Put(within(t), "k", []byte("minority"), "QUORUM")
	if !errors.As(err, &e) || e.Status == 0 || e.Outcome == "" {
		t.Fatalf("a write on the smaller side: %v", err)
	}
	if _, err := c.clients["n1"].Get(within(t), "k", "QUORUM", ""); !errors.As(err, &e) || e.Status == 0 {
		t.Fatalf("a read on the smaller side: %v", err)
	}
	eventually(t, "the smaller side knows, and refuses before it sends", func() bool {
		_, err := c.clients["n1"].Put(t.Context(), "other", []byte("x"), "QUORUM")
		return errors.As(err, &e) && e.Code == "unavailable" && e.Outcome == protocol.NotWritten
	})
	mustPut(t, c.clients["n2"], "k", "majority", "QUORUM")
	wantGet(t, c.clients["n3"], "k", "QUORUM", "majority")

	c.isolate("n1", false)
	c.connected(t)
	wantGet(t, c.clients["n1"], "k", "QUORUM", "majority")
	eventually(t, "n1 has what it missed", func() bool {
		v, err := c.clients["n1"].Replica(t.Context(), "k")
		return err == nil && text(v) == "majority"
	})
	if v, err := c.clients["n2"].Get(within(t), "other", "ALL", ""); err != nil || v != nil {
		t.Fatalf("a write that was not written is read: %v, %v", v, err)
	}
}

// One directed link cut stops only what travels on it.
func TestOneWayCut(t *testing.T) {
	c := startCluster(t, 3, true, quick)
	c.links[[2]string{"n1", "n2"}].Cut(true)
	mustPut(t, c.clients["n2"], "k", "v", "ALL") // n2 reaches n1 over its own link
	eventually(t, "n1 cannot reach n2", func() bool {
		_, err := c.clients["n1"].Put(t.Context(), "k", []byte("w"), "ALL")
		var e *client.Error
		return errors.As(err, &e) && e.Outcome == protocol.NotWritten
	})
	mustPut(t, c.clients["n1"], "k", "w", "QUORUM")
	wantGet(t, c.clients["n2"], "k", "QUORUM", "w")
}

// Bent clocks through the whole server: an acknowledged write is lost with timestamps from the coordinator.
func TestClockOffsetLosesAWrite(t *testing.T) {
	for _, tc := range []struct {
		stamps coordinator.Timestamps
		want   string
	}{{coordinator.FromCoordinator, "first"}, {coordinator.FromQuorum, "second"}} {
		c := startCluster(t, 3, false, func(cfg *Config) { cfg.WriteTimestamps = tc.stamps })
		if err := c.clients["n1"].SetClock(within(t), 30*time.Second); err != nil {
			t.Fatal(err)
		}
		first := mustPut(t, c.clients["n1"], "k", "first", "ALL")
		second := mustPut(t, c.clients["n2"], "k", "second", "ALL")
		if newer := second.Version.Compare(first.Version) > 0; newer != (tc.want == "second") {
			t.Errorf("%s: versions %+v and %+v", tc.stamps, first.Version, second.Version)
		}
		wantGet(t, c.clients["n3"], "k", "ALL", tc.want)
	}
}

func TestFiveNodesPlaceKeysOnThree(t *testing.T) {
	c := startCluster(t, 5, false, nil)
	for i := range 20 {
		key := fmt.Sprint("k", i)
		mustPut(t, c.clients["n1"], key, "v", "ALL")
		ring, err := c.clients["n2"].Ring(within(t), key)
		if err != nil || len(ring.Replicas) != 3 || len(ring.Nodes) != 5 {
			t.Fatalf("%+v, %v", ring, err)
		}
		holders := 0
		for name, cl := range c.clients {
			v, err := cl.Replica(within(t), key)
			if err != nil {
				t.Fatal(err)
			}
			isReplica := false
			for _, r := range ring.Replicas {
				isReplica = isReplica || r.Name == name
				if r.Address != c.addrs[r.Name] {
					t.Fatalf("%s is at %s, the ring says %s", r.Name, c.addrs[r.Name], r.Address)
				}
			}
			if (v != nil) != isReplica {
				t.Fatalf("%s: %s holds it: %v, the ring says %v", key, name, v != nil, isReplica)
			}
			if v != nil {
				holders++
			}
		}
		if holders != 3 {
			t.Fatalf("%s is held by %d nodes", key, holders)
		}
	}
}

// A node that is closed leaves no goroutine behind.
func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("cluster", func(t *testing.T) {
		c := startCluster(t, 3, true, quick)
		c.isolate("n3", true)
		for i := range 20 {
			mustPut(t, c.clients["n1"], fmt.Sprint("k", i), "v", "QUORUM")
			wantGet(t, c.clients["n2"], fmt.Sprint("k", i), "QUORUM", "v")
		}
	})
	ctx := within(t)
	for runtime.NumGoroutine() > before {
		select {
		case <-ctx.Done():
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		case <-time.After(10 * time.Millisecond):
		}
	}
}
