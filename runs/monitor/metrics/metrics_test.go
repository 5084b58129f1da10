package metrics

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/live"
	"github.com/lapse-test/lapse/checkers/staleness"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs/monitor"
	"github.com/lapse-test/lapse/runs/monitor/monitortest"
)

// follow has a run go by: three flushes, a fault, two violations, the end.
func follow(t *testing.T, id string, metrics *Metrics) *monitor.Monitor {
	t.Helper()
	m := monitor.Start(store.Dir{Path: t.TempDir()}, &store.Summary{Run: id, Target: "x", Workload: "register", Provider: "p"}, harness.Silent{}, metrics)
	ok, fail, info := history.OK, history.Fail, history.Info
	m.Phase(harness.PhaseLoad, "")
	m.Operations(monitortest.Part(t, []history.Outcome{ok, ok, ok, fail, info}, 2e6, nil))
	cut := history.Fault{ID: 1, Kind: "partition", Name: "isolate n1", Injected: 1}
	m.Operations(monitortest.Part(t, []history.Outcome{ok}, 2e6, []history.Fault{cut}, history.Event{Kind: history.EventLag, Text: `{"node":"n2","behind_ms":1500}`}))
	m.Tick(harness.Status{
		Elapsed: time.Second, Total: time.Minute, Counts: history.Counts{OK: 4, Open: 3}, Faults: []string{"isolate n1", "kill n2"}, Kinds: []string{"partition", "kill"}, Injected: 2, TookEffect: 1,
	})
	m.Found(&live.Found{Violation: checkers.Violation{Model: "regular", Anomaly: "stale read", Sentence: "first of regular"}})
	m.Found(&live.Found{Violation: checkers.Violation{Model: "regular", Anomaly: "stale read", Sentence: "first of regular"}})
	return m
}

// exported are the values of our own metrics, as name{label="value",...}.
func exported(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "lapse_") {
			continue
		}
		for _, x := range f.GetMetric() {
			var labels []string
			for _, l := range x.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := f.GetName() + "{" + strings.Join(labels, ",") + "}"
			switch {
			case x.GetCounter() != nil:
				out[name] = x.GetCounter().GetValue()
			case x.GetGauge() != nil:
				out[name] = x.GetGauge().GetValue()
			default:
				out[name] = float64(x.GetHistogram().GetSampleCount())
			}
		}
	}
	return out
}

// TestMetrics: two runs, one after the other, add up in the counters, and what was of one
// run alone is gone at its end.
func TestMetrics(t *testing.T) {
	metrics := New()
	for n := range 2 {
		m := follow(t, "r", metrics)
		during := exported(t, metrics)
		k := float64(n + 1)
		for name, want := range map[string]float64{
			"lapse_operations_total{operation=read,outcome=ok}": 3 * k, "lapse_operations_total{operation=write,outcome=ok}": k,
			"lapse_operations_total{operation=write,outcome=fail}": k, "lapse_operations_total{operation=read,outcome=info}": k,
			"lapse_operation_duration_seconds{operation=read}": 3 * k, "lapse_operations_in_flight{run=r}": 3,
			"lapse_faults_active{kind=partition,run=r}": 1, "lapse_faults_active{kind=kill,run=r}": 1,
			"lapse_faults_total{state=injected}": 2 * k, "lapse_faults_total{state=took_effect}": k, "lapse_faults_total{state=healed}": float64(2 * n),
			"lapse_replica_lag_seconds{node=n2}": 1.5, "lapse_run_phase{phase=load,run=r}": 1,
			"lapse_run_info{provider=p,read_level=,run=r,target=x,workload=register,write_level=}": 1,
		} {
			if during[name] != want {
				t.Errorf("run %d: %s is %g, expected %g", n, name, during[name], want)
			}
		}
		m.Phase(harness.PhaseFinal, "")
		healed := history.Fault{ID: 1, Kind: "partition", Injected: 1, TookEffect: 2, Healing: 3, Healed: 4}
		m.Operations(monitortest.Part(t, nil, 1, []history.Fault{healed, {ID: 2, Kind: "kill", Injected: 1, Healed: 5}}))
		a := &verdict.Assessment{
			Verdicts:  []checkers.Verdict{{Model: "regular", Status: checkers.Violated, Total: 9}, {Model: "causal", Status: checkers.Violated, Total: 2}, {Model: "safe", Status: checkers.Held}},
			Staleness: &staleness.Report{All: staleness.Group{Time: staleness.Distribution{P50: 1e9, P99: 2e9, Max: 3e9}}},
		}
		m.End(a)
		after := exported(t, metrics)
		for name, want := range map[string]float64{
			"lapse_faults_total{state=healed}": 2 * k, "lapse_violations_total{model=regular}": 2 * k, "lapse_violations_total{model=causal}": 2 * k,
			"lapse_verdicts_total{model=safe,status=held}": k, "lapse_staleness_seconds{quantile=0.99}": 2,
		} {
			if after[name] != want {
				t.Errorf("after run %d: %s is %g, expected %g", n, name, after[name], want)
			}
		}
		for name := range after {
			if strings.Contains(name, "run=") {
				t.Errorf("after run %d there is %s", n, name)
			}
		}
	}
	names := slices.Sorted(maps.Keys(exported(t, metrics)))
	t.Log(strings.Join(names, "\n"))
}
