package client

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/certs/authority/authoritytest"
)

// The connection of a request that is given up ends though the node, which has taken it, says nothing of TLS, as one that is paused: each request makes another.
func TestAConnectionEndsWithItsRequest(t *testing.T) {
	secure := authoritytest.Client(t, "client")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := NewSecure(l.Addr().String(), secure, (&net.Dialer{}).DialContext)
	defer c.Close()
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	failed := make(chan error, 1)
	go func() {
		_, err := c.Health(ctx)
		failed <- err
	}()
	node, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	giveUp()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := node.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, node); err != nil {
		t.Errorf("its connection is still there: %v", err)
	}
}
