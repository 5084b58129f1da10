package quorumkv

import (
	"context"
	"fmt"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
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

// NotJoined implements targets.Joiner.
func (*Target) NotJoined(targets.Config) string { return "" }

// Join implements targets.Joiner.
func (*Target) Join(ctx context.Context, cfg targets.Config, at []string) (targets.Joined, error) {
	s := &System{cfg: cfg, nodes: cluster.NodeNames(len(at)), at: at, admin: map[string]*client.Client{}, written: newKeySet()}
	for i, n := range s.nodes {
		s.admin[n] = client.New(at[i])
		if err := alive(ctx, at[i]); err != nil {
			return nil, fmt.Errorf("asking %s how it is: %w", at[i], err)
		}
	}
	return joined{s}, nil
}

// Written implements targets.KeyKeeper.
func (v *visit) Written(txn *history.Txn) {
	for i := range txn.Mops {
		if m := &txn.Mops[i]; m.Func.Writes() {
			_, key := v.sys.place(nil, m.Key)
			v.sys.written.add(key)
		}
	}
}
