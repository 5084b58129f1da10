package server

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/peer"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// A node that finds a peer of another mode serves nothing, and says why.
func TestMembersThatDisagreeInMode(t *testing.T) {
	c := startCluster(t, 2, false, func(cfg *Config) { cfg.Replication = 2 })
	stranger := peer.NewLink(peer.Identity{Node: "n1", Mode: "another"}, "n2", c.addrs["n2"], Default().PeerTimeout, slog.New(slog.DiscardHandler), nil)
	go stranger.Run(t.Context())
	if err := stranger.Ready(within(t)); !errors.Is(err, peer.ErrDisagrees) || !strings.Contains(err.Error(), "node n2 is of mode leaderless, not another") {
		t.Errorf("a peer of another mode was greeted with %v", err)
	}
}

func TestLeaderlessRefusesWhatNeedsOneOrder(t *testing.T) {
	c := startCluster(t, 1, false, func(cfg *Config) { cfg.Replication = 1 })
	_, body := request(t, "PUT", "http://"+c.addrs["n1"]+"/kv/a", "1", "Quorumkv-Request", "r1")
	if !strings.Contains(body, string(engine.CodeUnsupported)) || !strings.Contains(body, string(protocol.NotWritten)) {
		t.Errorf("a named request: %s", body)
	}
	var e *client.Error
	if _, err := c.clients["n1"].Put(within(t), "a", []byte("1"), "majority"); !errors.As(err, &e) || e.Code != string(engine.CodeBadLevel) {
		t.Errorf("a level of another mode: %v", err)
	}
}
