package consensus

import (
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// Routes implements engine.Engine: that of snapshots too.
func (e *Engine) Routes() map[string]http.Handler {
	routes := e.Group.Routes()
	routes["GET "+e.snapshotPath()] = http.HandlerFunc(e.serveSnapshot)
	return routes
}

// Describe implements engine.Engine.
func (e *Engine) Describe(h *protocol.Health) {
	s := e.status.Load()
	e.Group.Describe(h)
	h.Replication = len(s.Members.Voters)
	h.Leader, h.Term, h.Applied = s.Leader, s.Term, s.Applied
}

// Ring implements engine.Engine: every member holds every key.
func (e *Engine) Ring(key string) protocol.Ring {
	out := e.Group.Ring(key)
	voters := e.namesOf(e.status.Load().Members.Voters)
	out.Nodes = slices.DeleteFunc(out.Nodes, func(n protocol.Node) bool { return !slices.Contains(voters, n.Name) })
	out.Replication = len(out.Nodes)
	if key != "" {
		out.Replicas = out.Nodes
	}
	return out
}

// Register implements engine.Engine.
func (e *Engine) Register(r prometheus.Registerer) {
	engine.RegisterCounters(r, e.stats.Metrics("a majority holds and this node has applied", "may be in some log"))
	e.RegisterGroup(r)
}

// RegisterGroup adds the metrics of the group alone, without those of clients' requests.
func (e *Engine) RegisterGroup(r prometheus.Registerer) {
	engine.RegisterCounters(r, map[string]engine.Metric{
		"snapshots_installed_total": {Help: "Snapshots that this node took from a leader.", Read: e.snapshots.Load},
	})
	engine.RegisterGauges(r, e.status.Load, map[string]engine.Gauge[*status]{
		"raft_term":             {Help: "The term that this node is in.", Read: func(s *status) uint64 { return s.Term }},
		"raft_applied_position": {Help: "The last entry of the log that this node has applied.", Read: func(s *status) uint64 { return s.Applied }},
		"raft_leading":          {Help: "1 while this node is the leader.", Read: func(s *status) uint64 { return map[bool]uint64{true: 1}[s.Leading] }},
	})
	e.Group.Register(r)
}
