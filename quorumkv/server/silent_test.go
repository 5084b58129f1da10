package server

import (
	"net"
	"testing"
	"time"
)

// A node whose peer takes connections and says nothing, as one that is cut off or paused, serves what it can by itself: it waits once for the greeting,
// for as long as a peer may be silent, and not for the peer.
func TestServesBesideASilentPeer(t *testing.T) {
	for _, k := range kinds() {
		if k.write != "ONE" && k.write != "leader" {
			continue // others acknowledge nothing by themselves
		}
		t.Run(k.name, func(t *testing.T) {
			silent, err := net.Listen("tcp", "127.0.0.1:0") // the system takes connections, and nobody reads
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			c := startUnconnected(t, 1, func(cfg *Config) {
				cfg.Peers["n2"] = silent.Addr().String()
				cfg.PeerTimeout, cfg.RequestTimeout = 100*time.Millisecond, 30*time.Second
				k.set(cfg)
			})
			cl := c.clients["n1"]
			if k.write == "leader" {
				eventually(t, "n1 leads its region", func() bool {
					h, err := cl.Health(t.Context())
					return err == nil && h.Leader == "n1"
				})
			}
			if _, err := cl.Put(within(t), "k", []byte("v"), k.write); err != nil {
				t.Fatalf("a write: %v", err)
			}
			wantGet(t, cl, "k", k.read, "v")
		})
	}
}
