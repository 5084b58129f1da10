package group_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/internal/group"
	"github.com/lapse-test/lapse/quorumkv/peer"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

func alone() *group.Group {
	node := engine.Node{Name: "n1", Peers: map[string]string{"n2": "127.0.0.1:1"}, PeerTimeout: time.Second, Logger: slog.New(slog.DiscardHandler)}
	return group.New(node, peer.Identity{Ring: group.Digest("test", node.Names()), Mode: "test"})
}

// TestOneEnd: work and all else end with Close, which may come twice and before Run; an error of the work ends the context of the others.
func TestOneEnd(t *testing.T) {
	alone().Close()

	g := alone()
	var ended atomic.Bool
	g.Run(func(string, []byte) {}, func(ctx context.Context) error {
		<-ctx.Done()
		ended.Store(true)
		return nil
	})
	g.Close()
	g.Close()
	if !ended.Load() || g.Context.Err() == nil {
		t.Errorf("closed: work ended %v, context %v", ended.Load(), g.Context.Err())
	}

	g = alone()
	defer g.Close()
	g.Run(func(string, []byte) {}, func(context.Context) error { return errors.New("the disk is full") })
	<-g.Context.Done()
	var h protocol.Health
	g.Describe(&h)
	if h.Status != "stopping" || h.Replication != 2 || h.Mode != "test" {
		t.Errorf("%+v", h)
	}
}

// TestReceive: of what comes over a link, only messages of members that can be read are taken, and of those as many as there is room for.
func TestReceive(t *testing.T) {
	g := alone()
	defer g.Close()
	parse := func(b []byte) (string, error) {
		if len(b) == 0 {
			return "", errors.New("empty")
		}
		return string(b), nil
	}
	inbox := make(chan string, 2)
	receive := group.Receive(g, parse, func(from, m string) { group.Put(g, inbox, from+" "+m) })
	for _, m := range []struct{ from, body string }{{"n2", "a"}, {"n2", ""}, {"n9", "b"}, {"n2", "c"}, {"n2", "d"}} {
		receive(m.from, []byte(m.body))
	}
	close(inbox)
	var got []string
	for m := range inbox {
		got = append(got, m)
	}
	if fmt.Sprint(got) != "[n2 a n2 c]" {
		t.Errorf("taken: %q", got)
	}
}
