// Package monitor shows a run to the outside while it goes on: as the file live.json of its
// directory, which `lapse serve` shows, and to Metrics. It sees what the recorder wrote and
// what progress is told, and costs the clients nothing.
package monitor

import (
	"os"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/live"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// Monitor follows one run. It is the harness' Progress in place of the one that it passes
// everything on to. Its methods are safe for concurrent use.
type Monitor struct {
	next    harness.Progress
	save    func(*store.Live) error
	remove  func()
	metrics Metrics
	clock   func() time.Time

	mu     sync.Mutex
	live   store.Live
	failed bool // live.json cannot be written
	latest map[Kind]*window
	events int // of the history that were looked at
	// promises is what is promised to clients that do these operations, nil before that can be asked.
	promises func([]history.Func) *verdict.Promises
	seen     [1 << 8]bool // by kind of micro-operation
	stopped  chan struct{}
	wg       sync.WaitGroup
}

// saveEvery is how often live.json is written.
const saveEvery = time.Second

// Start follows the run of s, whose directory is dir, until End. Metrics may be nil.
func Start(dir store.Dir, s *store.Summary, next harness.Progress, metrics Metrics) *Monitor {
	m := newMonitor(s, next, metrics)
	m.save = func(l *store.Live) error { return dir.WriteJSON(store.FileLive, l) }
	m.remove = func() { _ = os.Remove(dir.File(store.FileLive)) } // it need not be there
	m.wg.Go(m.loop)
	return m
}

func newMonitor(s *store.Summary, next harness.Progress, metrics Metrics) *Monitor {
	if metrics == nil {
		metrics = nobody{}
	}
	m := &Monitor{next: next, metrics: metrics, clock: time.Now, latest: map[Kind]*window{}, stopped: make(chan struct{})}
	m.live = store.Live{Schema: store.LiveSchema, Run: s.Run, Phase: harness.PhaseSetup, Latest: []store.LiveLatency{}}
	metrics.Begin(s)
	return m
}

// loop writes the state again where nothing else happens, as during a long check.
func (m *Monitor) loop() {
	t := time.NewTicker(saveEvery)
	defer t.Stop()
	for {
		select {
		case <-m.stopped:
			return
		case <-t.C:
			m.write()
		}
	}
}

// write writes live.json. That it cannot be is no reason to end a run, nor to try again
// every second.
func (m *Monitor) write() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed || m.save == nil {
		return
	}
	now := m.clock()
	m.live.Updated = now.UTC()
	m.live.Latest = m.live.Latest[:0]
	for k := range Kinds {
		if w := m.latest[k]; w != nil {
			m.live.Latest = append(m.live.Latest, w.latency(k.String(), now))
		}
	}
	m.judge()
	m.failed = m.save(&m.live) != nil
}

// Judge tells the monitor by what to judge violations: what is promised to clients that do these
// operations, nil if that is not known. It is asked again whenever they are shown.
func (m *Monitor) Judge(promises func([]history.Func) *verdict.Promises) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.promises = promises
}

// judge says of each violation whether the configuration allows it.
func (m *Monitor) judge() {
	if m.promises == nil || len(m.live.Violations) == 0 {
		return
	}
	var funcs []history.Func
	for f, seen := range m.seen {
		if seen {
			funcs = append(funcs, history.Func(f))
		}
	}
	a := verdict.Assessment{Promises: m.promises(funcs)}
	for i := range m.live.Violations {
		v := &m.live.Violations[i]
		v.Allowed = a.Allows(checkers.Verdict{Model: v.Model, Status: checkers.Violated})
	}
}

// End says that the run is over, with what became of it, and removes live.json.
func (m *Monitor) End(a *verdict.Assessment) {
	close(m.stopped)
	m.wg.Wait()
	if m.remove != nil {
		m.remove()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]bool{}
	for _, v := range m.live.Violations {
		found[v.Model] = true
	}
	m.metrics.End(m.live.Run, a, found)
}

// Operations sees what the recorder wrote.
func (m *Monitor) Operations(h *history.History) {
	m.metrics.Operations(h)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	for i := range h.Ops {
		op := &h.Ops[i]
		switch op.Outcome {
		case history.Fail:
			m.live.Fail++
			continue
		case history.Info:
			m.live.Info++
			continue
		}
		m.live.OK++
		for _, mop := range h.Mops(op) {
			m.seen[mop.Func] = true
		}
		k := KindOf(h.Mops(op))
		w := m.latest[k]
		if w == nil {
			w = newWindow(now)
			m.latest[k] = w
		}
		w.add(now, time.Duration(op.Complete-op.Invoke))
	}
	m.tally(statusOf(h.Faults, m.live.Phase))
	for ; m.events < len(h.Events); m.events++ {
		l, ok := h.Events[m.events].Lag()
		if !ok {
			continue
		}
		m.metrics.Lag(l)
		if i := slices.IndexFunc(m.live.Lags, func(x history.Lag) bool { return x.Node == l.Node }); i >= 0 {
			m.live.Lags[i] = l
		} else {
			m.live.Lags = append(m.live.Lags, l)
		}
	}
}

// Found is told the first violation of each model on each key.
func (m *Monitor) Found(v *live.Found) {
	m.metrics.Found(v.Model, 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.live.Violations, func(x store.LiveViolation) bool { return x.Model == v.Model })
	if i < 0 {
		i = len(m.live.Violations)
		m.live.Violations = append(m.live.Violations, store.LiveViolation{Model: v.Model, Anomaly: v.Anomaly, Sentence: v.Sentence})
	}
	m.live.Violations[i].Count++
}

// Phase implements harness.Progress.
func (m *Monitor) Phase(name, text string) {
	m.next.Phase(name, text)
	m.mu.Lock()
	m.live.Phase = name
	if name != harness.PhaseLoad && name != harness.PhaseHeal {
		m.tally(harness.Status{}) // all is healed, or given up
	}
	m.mu.Unlock()
	m.metrics.Phase(m.live.Run, name)
}

// Tick implements harness.Progress.
func (m *Monitor) Tick(s harness.Status) {
	m.next.Tick(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &m.live
	l.Elapsed, l.Total, l.Open = s.Elapsed.Seconds(), s.Total.Seconds(), s.Counts.Open
	m.tally(s)
	m.metrics.Open(l.Run, s.Counts.Open)
}

// tally takes what is known of faults: from the history, which is a moment behind but tells
// to the end, and from progress, which is there also when no operation ends.
func (m *Monitor) tally(s harness.Status) {
	l := &m.live
	l.Faults = slices.Clone(s.Faults)
	l.Injected, l.TookEffect, l.Healed = max(l.Injected, s.Injected), max(l.TookEffect, s.TookEffect), max(l.Healed, s.Healed)
	m.metrics.Faults(l.Run, s)
}

// statusOf is what became of faults so far.
func statusOf(faults []history.Fault, phase string) harness.Status {
	s := harness.Status{Injected: len(faults)}
	for i := range faults {
		f := &faults[i]
		if f.TookEffect != 0 {
			s.TookEffect++
		}
		switch {
		case f.Healed != 0:
			s.Healed++
		case f.Error == "" && (phase == harness.PhaseLoad || phase == harness.PhaseHeal):
			s.Faults, s.Kinds = append(s.Faults, f.Name), append(s.Kinds, f.Kind)
		}
	}
	return s
}

// Note implements harness.Progress.
func (m *Monitor) Note(text string) { m.next.Note(text) }

// window is the latencies of the last ten seconds.
type window struct {
	h     *hdrhistogram.WindowedHistogram
	began time.Time
	at    time.Time // when the newest part began
}

const (
	windowParts = 10
	windowPart  = time.Second
	// mostMicros is the longest that is told apart: ten minutes.
	mostMicros = 600_000_000
)

func newWindow(now time.Time) *window {
	return &window{h: hdrhistogram.NewWindowed(windowParts, 1, mostMicros, 2), began: now, at: now}
}

// turn begins new parts until now.
func (w *window) turn(now time.Time) {
	if now.Sub(w.at) > windowParts*windowPart {
		w.at = now.Add(-windowParts * windowPart)
	}
	for now.Sub(w.at) >= windowPart {
		w.h.Rotate()
		w.at = w.at.Add(windowPart)
	}
}

func (w *window) add(now time.Time, d time.Duration) {
	w.turn(now)
	_ = w.h.Current.RecordValue(min(d.Microseconds(), mostMicros)) // it is in range
}

func (w *window) latency(operation string, now time.Time) store.LiveLatency {
	w.turn(now)
	h := w.h.Merge()
	ms := func(us int64) float64 { return float64(us) / 1000 }
	seconds := max(min(now.Sub(w.began), windowParts*windowPart), windowPart).Seconds()
	return store.LiveLatency{
		Operation: operation, PerSecond: float64(h.TotalCount()) / seconds,
		P50: ms(h.ValueAtQuantile(50)), P99: ms(h.ValueAtQuantile(99)), Max: ms(h.Max()),
	}
}
