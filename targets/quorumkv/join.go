package quorumkv

import (
	"context"
	"fmt"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/sharded"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

var (
	_ targets.Joiner    = (*Target)(nil)
	_ targets.KeyKeeper = (*visit)(nil)
)

// joined are the clients of another process.
type joined struct{ *System }

// Close implements targets.Joined.
func (j joined) Close() error {
	for _, c := range j.admin {
		c.Close()
	}
	return nil
}

// NotJoined implements targets.Joiner. The run's certificates are its own.
func (*Target) NotJoined(cfg targets.Config) string {
	if cfg.Options[optTLS] == on {
		return "drivers have no certificate of the run; leave " + optTLS + " off"
	}
	return ""
}

// Join implements targets.Joiner.
func (*Target) Join(_ context.Context, cfg targets.Config, at []string) (targets.Joined, error) {
	s := &System{cfg: cfg, nodes: cluster.NodeNames(len(at)), at: at, admin: map[string]*client.Client{}, written: newKeySet()}
	for i, n := range s.nodes {
		s.admin[n] = client.New(at[i])
	}
	return joined{s}, nil
}

// Shows implements targets.Joined: one of the keys by which the run saw whether its nodes serve (serves), which have its
// name, is found at the node.
func (s *System) Shows(ctx context.Context, node int) error {
	c := s.admin[s.nodes[node]]
	level, suffix := s.ReplicaLevel(), ""
	if s.cfg.Options[optMode] == sharded.Mode {
		suffix = firstShards
	}
	for _, n := range s.nodes {
		got, err := c.Get(ctx, s.readyKey(n)+suffix, level, "")
		if err != nil {
			return fmt.Errorf("asking it for what the run made: %w", err)
		}
		if got != nil && string(got.Bytes()) == s.cfg.Run {
			return nil
		}
	}
	return targets.ErrElsewhere
}

// Shows implements targets.Joined.
func (v *visit) Shows(ctx context.Context, node int) error { return v.sys.Shows(ctx, node) }

// Written implements targets.KeyKeeper.
func (v *visit) Written(txn *history.Txn) {
	for i := range txn.Mops {
		v.sys.wrote(&txn.Mops[i])
	}
}
