package cassandra

import (
	"context"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Software is the cache that the tests use.
func Software() string { return software.Dir() }

// Again is the running cluster of sys for one more run, with levels, options of
// its tables and a keyspace of its own: to start a cluster is what takes time. What
// nodes are started with stays as it is.
func Again(ctx context.Context, sys targets.System, cfg targets.Config, keyspace string) (*System, error) {
	set, err := resolve(cfg)
	if err != nil {
		return nil, err
	}
	was := sys.(*System)
	s := &System{
		Fleet: was.Fleet, set: set, launcher: was.launcher, keyspace: keyspace,
		clock: newClock(), ring: was.ring, version: was.version,
		admins: make([]*conn, len(was.Nodes)),
	}
	if err := s.makeSchema(ctx); err != nil {
		return nil, err
	}
	return s, s.proveReady(ctx)
}

// WithoutFaults goes through all that a cluster of three does when nothing is
// broken.
func WithoutFaults(t *testing.T, ctx context.Context, sys targets.System, c cluster.Cluster) {
	d := &deployment{System: sys.(*System), t: t, ctx: ctx, cluster: c}
	for _, p := range withoutFaults {
		t.Run(p.name, func(t *testing.T) { p.run(t, d) })
	}
}

// Monotonic has a write that reached one replica of three and no more, read at
// QUORUM by a coordinator that can reach that one, and then by one that cannot. It
// returns what the two reads returned, and the value before and after.
func Monotonic(t *testing.T, ctx context.Context, sys targets.System, c cluster.Cluster) (first, second, before, after history.Value) {
	d := &deployment{System: sys.(*System), t: t, ctx: ctx, cluster: c}
	return halfWritten(t, d)
}
