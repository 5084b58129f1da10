package consensus

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// DefectsChanged implements engine.Engine: all defects are looked at where they act.
func (e *Engine) DefectsChanged() error { return nil }

// Routes implements engine.Engine.
func (e *Engine) Routes() map[string]http.Handler {
	return map[string]http.Handler{"GET " + e.peers.Path(): e.peers, "GET " + e.snapshotPath(): http.HandlerFunc(e.serveSnapshot)}
}

// Ring implements engine.Engine: every node holds every key.
func (e *Engine) Ring(key string) protocol.Ring {
	return e.node.WholeRing(key, e.digest, e.links.Addr)
}

// Describe implements engine.Engine.
func (e *Engine) Describe(h *protocol.Health) {
	s := e.status.Load()
	h.Mode, h.Replication, h.Leader, h.Term, h.Applied = e.mode, len(e.ids), s.Leader, s.Term, s.Applied
	h.Peers = e.links.Describe()
	if e.ctx.Err() != nil {
		h.Status = "stopping"
	}
}

// Register implements engine.Engine.
func (e *Engine) Register(r prometheus.Registerer) {
	engine.RegisterCounters(r, e.stats.Metrics("a majority holds and this node has applied", "may be in some log"))
	e.RegisterGroup(r)
}

// RegisterGroup adds the metrics of the group alone, without those of clients' requests.
func (e *Engine) RegisterGroup(r prometheus.Registerer) {
	engine.RegisterCounters(r, map[string]engine.Metric{
		"messages_dropped_total":    {Help: "Peers' messages for which there was no room.", Read: e.dropped.Load},
		"snapshots_installed_total": {Help: "Snapshots that this node took from a leader.", Read: e.snapshots.Load},
	})
	engine.RegisterGauges(r, e.status.Load, map[string]engine.Gauge[*status]{
		"raft_term":             {Help: "The term that this node is in.", Read: func(s *status) uint64 { return s.Term }},
		"raft_applied_position": {Help: "The last entry of the log that this node has applied.", Read: func(s *status) uint64 { return s.Applied }},
		"raft_leading":          {Help: "1 while this node is the leader.", Read: func(s *status) uint64 { return map[bool]uint64{true: 1}[s.Leading] }},
	})
	e.links.Register(r)
}
