package quorumkv

import (
	"maps"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets"
)

// What an external cluster promises follows from what its nodes say of themselves. The pairs of mode leaderless differ in one setting.
func TestExternalPromises(t *testing.T) {
	strict := func(change func(h *protocol.Health)) protocol.Health {
		h := protocol.Health{Mode: "leaderless", Replication: 3, ReadRepair: "blocking", WriteTimestamps: "quorum", Fsync: true}
		if change != nil {
			change(&h)
		}
		return h
	}
	type set map[string]bool
	for name, c := range map[string]struct {
		h     protocol.Health
		nodes int
		funcs []history.Func
		want  set
	}{
		"strict":              {strict(nil), 5, nil, set{"linearizable": true, "no-lost-writes": true}},
		"strict, deletes":     {strict(nil), 5, []history.Func{history.Delete}, set{"linearizable": true, "no-lost-writes": true}},
		"repair elsewhere":    {strict(func(h *protocol.Health) { h.ReadRepair = "async" }), 5, nil, regularOnly()},
		"clocks":              {strict(func(h *protocol.Health) { h.WriteTimestamps = "coordinator" }), 5, nil, set{"linearizable": false}},
		"nothing is synced":   {strict(func(h *protocol.Health) { h.Fsync = false }), 5, nil, promisedLost(nil)},
		"others stand in":     {strict(func(h *protocol.Health) { h.SloppyQuorum = true }), 5, nil, promisedBehind(nil)},
		"nobody can stand in": {strict(func(h *protocol.Health) { h.SloppyQuorum = true }), 3, nil, set{"linearizable": true, "no-lost-writes": true}},
		"tombstones are removed": {strict(func(h *protocol.Health) { h.TombstoneGrace = "1s" }), 5, []history.Func{history.Delete},
			set{"linearizable": false}},
		"raft": {protocol.Health{Mode: "raft", Fsync: true}, 3, nil, set{"linearizable": true, "no-lost-writes": true}},
	} {
		cfg := targets.Config{Nodes: c.nodes, Options: map[string]string{}}
		for _, o := range modeOf(nil, c.h).externalInfo(c.h).Options {
			cfg.Options[o.Name] = o.Default
		}
		cfg, err := externalSettings(cfg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := New().Promises(cfg, c.funcs); !maps.Equal(got, c.want) {
			t.Errorf("%s: it promises %v, want %v", name, got, c.want)
		}
	}
}
