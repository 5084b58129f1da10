// Package group is what the engines have in common in which every node holds every key: links on which nodes send each other
// messages, a goroutine that does the work, and one end for all.
package group

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/internal/latefs"
	"github.com/lapse-test/lapse/quorumkv/peer"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// Digest identifies a group by what its nodes must agree on and by their names, which are sorted.
func Digest(settings string, names []string) string {
	return fmt.Sprintf("%016x", xxhash.Sum64String(settings+" "+strings.Join(names, " ")))
}

// Group is one node's part in a group. An engine embeds it. Make it with New; it is safe for concurrent use.
type Group struct {
	// Links are the ways to the other nodes.
	Links peer.Links
	// Context ends with Close, or with an error of the engine's work.
	Context context.Context
	// Background has the goroutines that Close waits for.
	Background sync.WaitGroup
	// ID is this node as its peers know it; ID.Ring is the group's digest.
	ID peer.Identity

	node    engine.Node
	names   []string
	peers   *peer.Server
	stop    context.CancelFunc
	dropped atomic.Int64 // messages for which there was no room
}

// New is the part of node in a group. It is idle until Run is called; Close ends it in either case.
func New(node engine.Node, id peer.Identity) *Group {
	id.Node, id.Nodes = node.Name, node.Whole()
	g := &Group{ID: id, node: node, names: node.Names(), peers: peer.NewServer(id, nil, 1, node.PeerTimeout, node.Logger),
		Links: peer.NewLinks(id, node.Peers, node.TLS, node.PeerTimeout, node.Logger, nil)}
	g.Context, g.stop = context.WithCancel(context.Background())
	return g
}

// Run connects to the other nodes, hands their messages to receive, which may be called concurrently and must not keep them, and does work
// until its context ends or it returns an error, one of the disk: what was promised can no longer be kept, and the node takes no more part.
func (g *Group) Run(receive func(from string, b []byte), work func(ctx context.Context) error) {
	g.peers.OnMessage(receive)
	g.Links.Run(g.Context, &g.Background)
	g.Background.Go(func() {
		defer g.stop()
		if err := work(g.Context); err != nil {
			g.node.Logger.Error("this node stops to take part", "error", err)
		}
	})
}

// FlushLate writes what disk holds back until the group ends.
func (g *Group) FlushLate(disk *latefs.FS) {
	g.Background.Go(func() {
		disk.Run(g.Context, func(err error) { g.node.Logger.Error("late flush", "error", err) })
	})
}

// Close ends all that goes on. It may be called more than once.
func (g *Group) Close() {
	g.stop()
	g.peers.Close()
	g.Background.Wait()
}

// Met waits until each peer was tried once, so that Agrees knows of all that could be reached, or until ctx ends: a node that acknowledges by itself
// asks it first.
func (g *Group) Met(ctx context.Context) *engine.Error {
	if err := g.Links.Tried(ctx, g.node.RequestTimeout); err != nil {
		return &engine.Error{Code: engine.CodeUnavailable, Message: err.Error()}
	}
	return g.Agrees()
}

// Agrees is an error while a peer is known to be of another mode or to have other settings: nothing is served then.
func (g *Group) Agrees() *engine.Error {
	if err := g.Links.Disagreement(); err != nil {
		return &engine.Error{Code: engine.CodeDisagreement, Message: "nothing is served: " + err.Error()}
	}
	return nil
}

// Drop counts a message for which there was no room: it is lost, as it might have been on the way.
func (g *Group) Drop() { g.dropped.Add(1) }

// Put hands m to the owner of inbox, if there is room.
func Put[M any](g *Group, inbox chan<- M, m M) {
	select {
	case inbox <- m:
	default:
		g.Drop()
	}
}

// Receive is what Run calls for engines whose messages are read by parse: take gets those of members of the group.
func Receive[M any](g *Group, parse func(b []byte) (M, error), take func(from string, m M)) func(from string, b []byte) {
	return func(from string, b []byte) {
		m, err := parse(b)
		if err != nil {
			g.node.Logger.Warn("malformed message", "from", from, "error", err)
			return
		}
		if slices.Contains(g.names, from) {
			take(from, m)
		}
	}
}

// Routes implements engine.Engine.
func (g *Group) Routes() map[string]http.Handler {
	return map[string]http.Handler{"GET " + g.peers.Path(): g.peers}
}

// Ring implements engine.Engine: every node holds every key.
func (g *Group) Ring(key string) protocol.Ring {
	return g.node.WholeRing(key, g.ID.Ring, g.Links.Addr)
}

// DefectsChanged implements engine.Engine: all defects are looked at where they act.
func (g *Group) DefectsChanged() error { return nil }

// Describe adds to h what every group has.
func (g *Group) Describe(h *protocol.Health) {
	h.Mode, h.Replication, h.Peers = g.ID.Mode, len(g.names), g.Links.Describe()
	if g.Context.Err() != nil {
		h.Status = "stopping"
	}
}

// Register adds the metrics of messages.
func (g *Group) Register(r prometheus.Registerer) {
	engine.RegisterCounters(r, map[string]engine.Metric{
		"messages_dropped_total": {Help: "Peers' messages for which there was no room.", Read: g.dropped.Load},
	})
	g.Links.Register(r)
}
