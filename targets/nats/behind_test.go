package nats

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/targettest"
)

// TestBehind: at a server that is cut off from the others each read level shows what is promised at it. Of reads at the leader nothing
// is, and what is not can be seen there only until a leader that was replaced knows it.
func TestBehind(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	must := targettest.Must
	_, started, _ := targettest.Deploy(ctx, t, Target{}, sandbox.Provider{}, targets.Config{
		Nodes: 3, ReadLevel: readDirect, Cache: Built(), OpTimeout: 2 * time.Second, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}, logName)
	sys := started.(*System)
	leader, err := sys.Primary(ctx)
	must(t, err)
	at := slices.IndexFunc(sys.Nodes, func(n cluster.Node) bool { return n.Name() == leader })
	follower := (at + 1) % len(sys.Nodes)
	for i, n := range sys.Nodes {
		if i != follower {
			must(t, sys.Cluster.Network().Cut(ctx, cluster.Both(n.Name(), sys.Nodes[follower].Name())...))
		}
	}
	// A server that does not know yet that others are gone passes direct reads on to them, two of three.
	for i, level := range []string{readLeader, readDirect} {
		again := map[string]int{readDirect: 40}[level]
		t.Run(level, func(t *testing.T) {
			b := targettest.Behind{
				Old: follower, New: at, Limit: 500 * time.Millisecond, Key: history.Key(100 * (i + 1)), Quick: level == readLeader, Again: again,
				Open: func() targets.Client {
					c, err := sys.Open(ctx, targets.Session{ID: 1})
					must(t, err)
					t.Cleanup(func() { must(t, c.Close()) })
					own := *c.(*client).store
					own.direct = level == readDirect
					c.(*client).store = &own
					return c
				},
				Promises: func(roams bool) map[string]bool {
					cfg, err := Target{}.Resolve(targets.Config{Nodes: 3, ReadLevel: level, Roams: roams})
					must(t, err)
					return Target{}.Promises(cfg, nil)
				},
			}
			b.Agrees(ctx, t)
		})
	}
}
