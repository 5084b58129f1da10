package server

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are one node's, in a registry of its own so that several nodes fit into a process.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

func newMetrics(s *Server) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "quorumkv_request_seconds",
		Help:    "Time to answer requests for keys, by method and HTTP status.",
		Buckets: prometheus.ExponentialBuckets(0.00025, 2, 14),
	}, []string{"method", "status"})
	m.registry.MustRegister(m.requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.counters(s)
	m.gauges(s)
	return m
}

func (m *metrics) counters(s *Server) {
	st := s.coord.Stats()
	for name, c := range map[string]struct {
		help string
		read func() int64
	}{
		"writes_acknowledged_total":    {"Writes that W replicas hold.", st.Writes.Load},
		"writes_not_written_total":     {"Failed writes that are certainly nowhere.", st.WritesNotWritten.Load},
		"writes_perhaps_written_total": {"Failed writes that some replica may hold.", st.WritesPerhapsWritten.Load},
		"reads_total":                  {"Reads answered.", st.Reads.Load},
		"reads_failed_total":           {"Reads that too few replicas answered.", st.ReadsFailed.Load},
		"repairs_blocking_total":       {"Replicas brought up to date before a read was answered.", st.BlockingRepairs.Load},
		"repairs_async_total":          {"Replicas sent a newer record after a read was answered.", st.AsyncRepairs.Load},
		"repairs_skipped_total":        {"Repairs after the answer that were skipped, too many being under way.", st.RepairsSkipped.Load},
		"hints_stored_total":           {"Writes kept for replicas that missed them.", st.HintsStored.Load},
		"hints_delivered_total":        {"Hints that their replicas have taken.", st.HintsDelivered.Load},
		"hints_refused_total":          {"Hints that could not be kept.", st.HintsRefused.Load},
		"peer_requests_refused_total":  {"Peers' requests refused because too many were being served.", s.peers.Refused},
		"records_applied_total":        {"Records that this node's replica took.", func() int64 { n, _ := s.store.Counts(); return n }},
		"records_ignored_total":        {"Records older than what the replica held.", func() int64 { _, n := s.store.Counts(); return n }},
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "quorumkv_" + name, Help: c.help},
			func() float64 { return float64(c.read()) }))
	}
}

func (m *metrics) gauges(s *Server) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quorumkv_clock_offset_seconds",
		Help: "How far the clock is bent."}, func() float64 { return s.clock.Offset().Seconds() }))
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quorumkv_background_tasks",
		Help: "Messages to replicas and repairs that are under way."},
		func() float64 { return float64(s.coord.Stats().Background.Load()) }))
	for name, l := range s.links {
		labels := prometheus.Labels{"peer": name}
		m.registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quorumkv_hints", ConstLabels: labels,
				Help: "Writes that a peer has missed and this node will deliver."},
				func() float64 { return float64(s.store.HintCount(name)) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quorumkv_peer_connected", ConstLabels: labels,
				Help: "1 while there is a connection to the peer."},
				func() float64 {
					if l.Err() != nil {
						return 0
					}
					return 1
				}),
		)
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) observe(method string, status int, seconds float64) {
	switch method {
	case http.MethodGet, http.MethodPut, http.MethodDelete:
	default:
		method = "other" // a client must not be able to make labels up
	}
	m.requests.WithLabelValues(method, strconv.Itoa(status)).Observe(seconds)
}
