package peer

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/certs/authority/authoritytest"
)

// A peer that takes connections and says nothing of TLS is given up, with its connection.
func TestLinkOverTLSToAPeerThatIsSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	id := Identity{Node: "n1", Ring: "ring", Mode: "leaderless"}
	link := NewLinks(id, map[string]string{"n2": l.Addr().String()}, authoritytest.Client(t, "n1"), 50*time.Millisecond, discard, nil)["n2"]
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { link.Run(ctx) })
	defer func() { stop(); wg.Wait() }()
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if err := peer.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, peer); err != nil {
		t.Errorf("its connection is still there: %v", err)
	}
	eventually(t, "the link says so", func() bool { err := link.Err(); return err != nil && strings.Contains(err.Error(), "greet n2") })
}
