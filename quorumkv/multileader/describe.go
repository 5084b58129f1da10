package multileader

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// stats count requests since the start.
type stats struct {
	writes, notWritten, perhapsWritten, reads, readsFailed, dropped atomic.Int64
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

// Routes implements engine.Engine.
func (e *Engine) Routes() map[string]http.Handler {
	return map[string]http.Handler{"GET " + e.peers.Path(): e.peers}
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
	h.Mode, h.Replication = Mode, len(e.names)
	h.Region, h.Leader, h.Conflicts = e.region.Name, e.region.Nodes[0], string(e.opts.Conflicts)
	h.Peers = e.links.Describe()
	if e.ctx.Err() != nil {
		h.Status = "stopping"
	}
}

// Register implements engine.Engine.
func (e *Engine) Register(r prometheus.Registerer) {
	for name, c := range map[string]struct {
		help string
		read func() int64
	}{
		"writes_acknowledged_total":    {"Writes that the region's leader holds.", e.stats.writes.Load},
		"writes_not_written_total":     {"Failed writes that are certainly nowhere.", e.stats.notWritten.Load},
		"writes_perhaps_written_total": {"Failed writes that a leader may have.", e.stats.perhapsWritten.Load},
		"reads_total":                  {"Reads answered.", e.stats.reads.Load},
		"reads_failed_total":           {"Reads that were not answered.", e.stats.readsFailed.Load},
		"messages_dropped_total":       {"Peers' messages for which there was no room.", e.stats.dropped.Load},
	} {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "quorumkv_" + name, Help: c.help},
			func() float64 { return float64(c.read()) }))
	}
	e.links.Register(r)
}
