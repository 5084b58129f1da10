package multileader

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// Describe implements engine.Engine.
func (e *Engine) Describe(h *protocol.Health) {
	e.Group.Describe(h)
	h.Region, h.Leader, h.Conflicts = e.region.Name, e.region.Nodes[0], string(e.opts.Conflicts)
}

// Register implements engine.Engine.
func (e *Engine) Register(r prometheus.Registerer) {
	engine.RegisterCounters(r, e.requests.Metrics("the region's leader holds", "a leader may have"))
	e.Group.Register(r)
}
