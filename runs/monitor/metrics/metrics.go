// Package metrics shows runs to Prometheus while they go on. It is apart from package monitor,
// so that who tests a database with package lapsetest builds no client of Prometheus.
package metrics

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs/monitor"
)

var _ monitor.Metrics = (*Metrics)(nil)

// Metrics are those of all runs of this process, for Prometheus. Counters go on from run to
// run. It implements monitor.Metrics.
type Metrics struct {
	registry   *prometheus.Registry
	runs       *prometheus.GaugeVec
	phases     *prometheus.GaugeVec
	ops        *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	inFlight   *prometheus.GaugeVec
	faultsOn   *prometheus.GaugeVec
	faultSteps *prometheus.CounterVec
	violations *prometheus.CounterVec
	verdicts   *prometheus.CounterVec
	lags       *prometheus.GaugeVec
	stale      *prometheus.GaugeVec

	mu    sync.Mutex
	steps map[string]harness.Status // of each run, as it was told last
}

// New is an empty set of metrics in a registry of its own.
func New() *Metrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		steps:    map[string]harness.Status{},
		runs:     gauge("lapse_run_info", "1 for each run that goes on.", "run", "target", "workload", "write_level", "read_level", "provider"),
		phases:   gauge("lapse_run_phase", "1 for the phase in which a run is.", "run", "phase"),
		ops:      counter("lapse_operations_total", "Operations that ended, by kind and outcome.", "operation", "outcome"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lapse_operation_duration_seconds", Help: "Time from the invocation to the completion of ok operations.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 18), // 0.1 ms to 13 s
		}, []string{"operation"}),
		inFlight:   gauge("lapse_operations_in_flight", "Operations that wait for their answer.", "run"),
		faultsOn:   gauge("lapse_faults_active", "Faults that are on, by kind.", "run", "kind"),
		faultSteps: counter("lapse_faults_total", "Faults that were injected, that took effect and that were healed.", "state"),
		violations: counter("lapse_violations_total", "Violations by model: while a run goes on, the first on each key; of models that only the whole history decides, all at its end.", "model"),
		verdicts:   counter("lapse_verdicts_total", "Verdicts on whole histories, by model and status.", "model", "status"),
		lags:       gauge("lapse_replica_lag_seconds", "How far a replica was behind when it was asked last, where the target can tell.", "node"),
		stale:      gauge("lapse_staleness_seconds", "How stale the reads of the run before were that missed acknowledged writes, by quantile: known at the end of a run.", "quantile"),
	}
	m.registry.MustRegister(m.runs, m.phases, m.ops, m.durations, m.inFlight, m.faultsOn, m.faultSteps, m.violations, m.verdicts, m.lags, m.stale,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, outcome := range []history.Outcome{history.OK, history.Fail, history.Info} {
		for _, k := range []monitor.Kind{monitor.Reads, monitor.Writes} {
			m.ops.WithLabelValues(k.String(), outcome.String()) // 0 is told too
		}
	}
	for _, state := range []string{stateInjected, stateTookEffect, stateHealed} {
		m.faultSteps.WithLabelValues(state)
	}
	return m
}

// What can become of a fault.
const (
	stateInjected   = "injected"
	stateTookEffect = "took_effect"
	stateHealed     = "healed"
)

// Begin implements monitor.Metrics.
func (m *Metrics) Begin(s *store.Summary) {
	m.runs.WithLabelValues(s.Run, s.Target, s.Workload, s.WriteLevel, s.ReadLevel, s.Provider).Set(1)
	m.lags.Reset()
}

// Phase implements monitor.Metrics.
func (m *Metrics) Phase(run, name string) {
	m.phases.DeletePartialMatch(prometheus.Labels{"run": run})
	m.phases.WithLabelValues(run, name).Set(1)
}

// Operations implements monitor.Metrics.
func (m *Metrics) Operations(h *history.History) {
	var counts [monitor.Kinds][3]int
	var durations [monitor.Kinds]prometheus.Observer
	for i := range h.Ops {
		op := &h.Ops[i]
		k := monitor.KindOf(h.Mops(op))
		switch op.Outcome {
		case history.OK:
			counts[k][0]++
			if durations[k] == nil {
				durations[k] = m.durations.WithLabelValues(k.String())
			}
			durations[k].Observe(time.Duration(op.Complete - op.Invoke).Seconds())
		case history.Fail:
			counts[k][1]++
		case history.Info:
			counts[k][2]++
		}
	}
	for k := range monitor.Kinds {
		for i, outcome := range []history.Outcome{history.OK, history.Fail, history.Info} {
			if n := counts[k][i]; n > 0 {
				m.ops.WithLabelValues(k.String(), outcome.String()).Add(float64(n))
			}
		}
	}
}

// Open implements monitor.Metrics.
func (m *Metrics) Open(run string, n int64) {
	m.inFlight.WithLabelValues(run).Set(float64(n))
}

// Faults implements monitor.Metrics.
func (m *Metrics) Faults(run string, s harness.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.steps[run]
	// They are told by two, of whom one may know less than the other.
	s.Injected, s.TookEffect, s.Healed = max(s.Injected, was.Injected), max(s.TookEffect, was.TookEffect), max(s.Healed, was.Healed)
	m.steps[run] = s
	for state, n := range map[string]int{stateInjected: s.Injected - was.Injected, stateTookEffect: s.TookEffect - was.TookEffect, stateHealed: s.Healed - was.Healed} {
		m.faultSteps.WithLabelValues(state).Add(float64(n))
	}
	on := map[string]float64{}
	for _, k := range was.Kinds {
		on[k] = 0 // so that a line ends
	}
	for _, k := range s.Kinds {
		on[k]++
	}
	for k, n := range on {
		m.faultsOn.WithLabelValues(run, k).Set(n)
	}
}

// Found implements monitor.Metrics.
func (m *Metrics) Found(model string, n int) {
	m.violations.WithLabelValues(model).Add(float64(n))
}

// Lag implements monitor.Metrics.
func (m *Metrics) Lag(l history.Lag) {
	m.lags.WithLabelValues(l.Node).Set(float64(l.BehindMS) / 1000)
}

// End implements monitor.Metrics.
func (m *Metrics) End(run string, a *verdict.Assessment, found map[string]bool) {
	for i := range a.Verdicts {
		v := &a.Verdicts[i]
		m.verdicts.WithLabelValues(v.Model, string(v.Status)).Inc()
		if v.Total > 0 && !found[v.Model] {
			m.Found(v.Model, v.Total)
		}
	}
	m.stale.Reset()
	if a.Staleness != nil {
		t := a.Staleness.All.Time
		for q, ns := range map[string]int64{"0.5": t.P50, "0.99": t.P99, "1": t.Max} {
			m.stale.WithLabelValues(q).Set(time.Duration(ns).Seconds())
		}
	}
	of := prometheus.Labels{"run": run}
	for _, g := range []*prometheus.GaugeVec{m.runs, m.phases, m.inFlight, m.faultsOn} {
		g.DeletePartialMatch(of)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.steps, run)
}

// Serve answers with the metrics at /metrics on ln until ctx is done, and closes ln.
func (m *Metrics) Serve(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}
	end := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer end()
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
