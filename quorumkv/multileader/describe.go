package multileader

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
	return map[string]http.Handler{"GET " + e.peers.Path(): e.peers}
}

// Ring implements engine.Engine: every node holds every key.
func (e *Engine) Ring(key string) protocol.Ring {
	return e.node.WholeRing(key, e.digest, e.links.Addr)
}

// Describe implements engine.Engine.
func (e *Engine) Describe(h *protocol.Health) {
	h.Mode, h.Replication = Mode, len(e.names)
	h.Region, h.Leader, h.Conflicts = e.region.Name, e.region.Nodes[0], string(e.opts.Conflicts)
	h.Peers = e.links.Describe()
	if e.ctx.Err() != nil {
		h.Status = "stopping"
	}
}

// Register implements engine.Engine.
func (e *Engine) Register(r prometheus.Registerer) {
	engine.RegisterCounters(r, e.requests.Metrics("the region's leader holds", "a leader may have"))
	engine.RegisterCounters(r, map[string]engine.Metric{
		"messages_dropped_total": {Help: "Peers' messages for which there was no room.", Read: e.dropped.Load},
	})
	e.links.Register(r)
}
