package singleleader

import (
	"maps"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// stats count requests since the start.
type stats struct {
	writes, notWritten, perhapsWritten, reads, readsFailed atomic.Int64
}

func (s *stats) failed(e *engine.Error) {
	if e.Outcome == engine.NotWritten {
		s.notWritten.Add(1)
		return
	}
	s.perhapsWritten.Add(1)
}

// DefectsChanged implements engine.Engine: all defects are looked at where they act.
func (e *Engine) DefectsChanged() error { return nil }

// Routes implements engine.Engine: those of the view service too.
func (e *Engine) Routes() map[string]http.Handler {
	routes := map[string]http.Handler{"GET " + e.peers.Path(): e.peers}
	if e.views != nil {
		maps.Copy(routes, e.views.group.Routes())
	}
	return routes
}

// Ring implements engine.Engine: every node holds every key.
func (e *Engine) Ring(key string) protocol.Ring {
	out := protocol.Ring{Key: key, Replication: len(e.names), Digest: e.digest}
	for _, name := range e.names {
		out.Nodes = append(out.Nodes, protocol.Node{Name: name, Address: e.links.Addr(name, e.node.Listen)})
	}
	if key != "" {
		out.Replicas = out.Nodes
	}
	return out
}

// Describe implements engine.Engine.
func (e *Engine) Describe(h *protocol.Health) {
	s := e.status.Load()
	h.Mode, h.Replication, h.Leader, h.Term, h.Applied = Mode, len(e.names), s.Leader, s.Epoch, s.Applied
	h.Failover, h.Fencing = &e.opts.Failover, &e.opts.Fencing
	h.Peers = e.links.Describe()
	if e.ctx.Err() != nil {
		h.Status = "stopping"
	}
}

// Register implements engine.Engine. The metrics of the view service have views_ before their names.
func (e *Engine) Register(r prometheus.Registerer) {
	for name, c := range map[string]struct {
		help string
		read func() int64
	}{
		"writes_acknowledged_total":    {"Writes that enough nodes hold.", e.stats.writes.Load},
		"writes_not_written_total":     {"Failed writes that are certainly nowhere.", e.stats.notWritten.Load},
		"writes_perhaps_written_total": {"Failed writes that may be in some log.", e.stats.perhapsWritten.Load},
		"reads_total":                  {"Reads answered.", e.stats.reads.Load},
		"reads_failed_total":           {"Reads that were not answered.", e.stats.readsFailed.Load},
		"messages_dropped_total":       {"Peers' messages for which there was no room.", e.dropped.Load},
		"entries_lost_total":           {"Entries that counted at this node and were dropped for those of a later leader.", e.lost.Load},
	} {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "quorumkv_" + name, Help: c.help},
			func() float64 { return float64(c.read()) }))
	}
	for name, g := range map[string]struct {
		help string
		read func(*status) uint64
	}{
		"epoch":            {"The epoch that this node is in.", func(s *status) uint64 { return s.Epoch }},
		"applied_position": {"The last entry of the log that counts at this node.", func(s *status) uint64 { return s.Applied }},
		"last_position":    {"The last entry of this node's log.", func(s *status) uint64 { return s.Last }},
		"leading":          {"1 while this node leads.", func(s *status) uint64 { return map[bool]uint64{true: 1}[s.Leading] }},
	} {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quorumkv_" + name, Help: g.help},
			func() float64 { return float64(g.read(e.status.Load())) }))
	}
	e.links.Register(r)
	if e.views != nil {
		e.views.group.Register(prometheus.WrapRegistererWithPrefix("views_", r))
	}
}
