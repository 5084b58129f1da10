package quorumkv

import (
	"testing"

	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets"
)

// The first suite of an external cluster says of nothing that it holds which the nodes, as they are set up, do not promise. The pairs differ in one setting.
func TestExamplesClaimWhatIsPromised(t *testing.T) {
	on, off := true, false
	leaderless := protocol.Health{Mode: "leaderless", Replication: 3, ReadRepair: "async", WriteTimestamps: "quorum", Fsync: true}
	raft := protocol.Health{Mode: "raft", Fsync: true}
	leader := protocol.Health{Mode: "single-leader", Fsync: true, Failover: &on, Fencing: &on}
	sharded := protocol.Health{Mode: "sharded", Fsync: true, Transactions: "two-phase-commit", Shards: map[string]protocol.ShardHealth{"0": {}, "1": {}}}
	but := func(h protocol.Health, change func(h *protocol.Health)) protocol.Health {
		change(&h)
		return h
	}
	for name, c := range map[string]struct {
		h     protocol.Health
		nodes int
		hold  int // claims
	}{
		"leaderless":                       {leaderless, 5, 1},
		"leaderless, others stand in":      {but(leaderless, func(h *protocol.Health) { h.SloppyQuorum = true }), 5, 0},
		"leaderless, nobody can stand in":  {but(leaderless, func(h *protocol.Health) { h.SloppyQuorum = true }), 3, 1},
		"leaderless, nothing is synced":    {but(leaderless, func(h *protocol.Health) { h.Fsync = false }), 5, 0},
		"raft":                             {raft, 3, 2},
		"raft, nothing is synced":          {but(raft, func(h *protocol.Health) { h.Fsync = false }), 3, 0},
		"single-leader":                    {leader, 3, 2},
		"single-leader, five nodes":        {leader, 5, 0},
		"single-leader, no failover":       {but(leader, func(h *protocol.Health) { h.Failover = &off }), 5, 2},
		"single-leader, no fencing":        {but(leader, func(h *protocol.Health) { h.Fencing = &off }), 3, 0},
		"sharded":                          {sharded, 3, 3},
		"sharded, nothing is synced":       {but(sharded, func(h *protocol.Health) { h.Fsync = false }), 3, 0},
		"sharded, not atomic":              {but(sharded, func(h *protocol.Health) { h.Transactions = "best-effort" }), 3, 2},
		"sharded, without locks for reads": {but(sharded, func(h *protocol.Health) { h.Transactions = "no-read-locks" }), 3, 0},
	} {
		info := modeOf(nil, c.h).externalInfo(c.h)
		info.DefaultNodes = c.nodes
		hold := 0
		for _, e := range examples(info) {
			for _, claim := range e.Claims {
				if claim.Expect == targets.Holds {
					hold++
				}
			}
		}
		if hold != c.hold {
			t.Errorf("%s: %d claims hold, want %d", name, hold, c.hold)
		}
	}
}
