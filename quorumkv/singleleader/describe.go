package singleleader

import (
	"maps"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// Routes implements engine.Engine: those of the view service too.
func (e *Engine) Routes() map[string]http.Handler {
	routes := e.Group.Routes()
	if e.views != nil {
		maps.Copy(routes, e.views.group.Routes())
	}
	return routes
}

// Describe implements engine.Engine.
func (e *Engine) Describe(h *protocol.Health) {
	s := e.status.Load()
	e.Group.Describe(h)
	h.Leader, h.Term, h.Applied = s.Leader, s.Epoch, s.Applied
	h.Failover, h.Fencing = &e.opts.Failover, &e.opts.Fencing
}

// Register implements engine.Engine. The metrics of the view service have views_ before their names.
func (e *Engine) Register(r prometheus.Registerer) {
	engine.RegisterCounters(r, e.requests.Metrics("enough nodes hold", "may be in some log"))
	engine.RegisterCounters(r, map[string]engine.Metric{
		"entries_lost_total": {Help: "Entries that counted at this node and were dropped for those of a later leader.", Read: e.lost.Load},
	})
	engine.RegisterGauges(r, e.status.Load, map[string]engine.Gauge[*status]{
		"epoch":            {Help: "The epoch that this node is in.", Read: func(s *status) uint64 { return s.Epoch }},
		"applied_position": {Help: "The last entry of the log that counts at this node.", Read: func(s *status) uint64 { return s.Applied }},
		"last_position":    {Help: "The last entry of this node's log.", Read: func(s *status) uint64 { return s.Last }},
		"leading":          {Help: "1 while this node leads.", Read: func(s *status) uint64 { return map[bool]uint64{true: 1}[s.Leading] }},
	})
	e.Group.Register(r)
	if e.views != nil {
		e.views.group.Register(prometheus.WrapRegistererWithPrefix("views_", r))
	}
}
