package engine

import "github.com/prometheus/client_golang/prometheus"

// metricPrefix stands before the name of every metric.
const metricPrefix = "quorumkv_"

// Metric is a number that /metrics shows. Read is called at each request for it, perhaps concurrently.
type Metric struct {
	Help string
	Read func() int64
}

// RegisterCounters adds counters, numbers that only grow, by their names without the prefix. It panics if one has been
// added to r before, as prometheus does.
func RegisterCounters(r prometheus.Registerer, counters map[string]Metric) {
	for name, m := range counters {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: metricPrefix + name, Help: m.Help},
			func() float64 { return float64(m.Read()) }))
	}
}

// Gauge is a part of a state S that /metrics shows. Read may be called concurrently.
type Gauge[S any] struct {
	Help string
	Read func(S) uint64
}

// RegisterGauges adds gauges, each of what state returns at a request, by their names without the prefix. It panics if
// one has been added to r before, as prometheus does.
func RegisterGauges[S any](r prometheus.Registerer, state func() S, gauges map[string]Gauge[S]) {
	for name, g := range gauges {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: metricPrefix + name, Help: g.Help},
			func() float64 { return float64(g.Read(state())) }))
	}
}
