package server

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lapse-test/lapse/quorumkv/hlc"
)

// metrics are one node's, in a registry of its own so that several nodes fit into a process.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

func newMetrics(clock *hlc.Clock) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "quorumkv_request_seconds",
		Help:    "Time to answer requests for keys, by method and HTTP status.",
		Buckets: prometheus.ExponentialBuckets(0.00025, 2, 14),
	}, []string{"method", "status"})
	m.registry.MustRegister(m.requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quorumkv_clock_offset_seconds",
			Help: "How far the clock is bent."}, func() float64 { return clock.Offset().Seconds() }))
	return m
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
