package monitor

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/live"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs/monitor/monitortest"
)

func found(model string) *live.Found {
	return &live.Found{Violation: checkers.Violation{Model: model, Anomaly: "stale read", Sentence: "first of " + model}}
}

// follow has a run go by: three flushes, a fault, two violations, the end.
func follow(t *testing.T, id string) *Monitor {
	t.Helper()
	m := newMonitor(&store.Summary{Run: id, Target: "x", Workload: "register", Provider: "p"}, harness.Silent{}, nil)
	ok, fail, info := history.OK, history.Fail, history.Info
	m.Phase(harness.PhaseLoad, "")
	m.Operations(monitortest.Part(t, []history.Outcome{ok, ok, ok, fail, info}, 2e6, nil))
	cut := history.Fault{ID: 1, Kind: "partition", Name: "isolate n1", Injected: 1}
	m.Operations(monitortest.Part(t, []history.Outcome{ok}, 2e6, []history.Fault{cut}, history.Event{Kind: history.EventLag, Text: `{"node":"n2","behind_ms":1500}`}))
	m.Tick(harness.Status{
		Elapsed: time.Second, Total: time.Minute, Counts: history.Counts{OK: 4, Open: 3}, Faults: []string{"isolate n1", "kill n2"}, Kinds: []string{"partition", "kill"}, Injected: 2, TookEffect: 1,
	})
	m.Found(found("regular"))
	m.Found(found("regular"))
	return m
}

// TestAllowed: what the configuration does not promise is allowed, and what it promises or says nothing about is not. Only operations
// that were seen count, and all of them.
func TestAllowed(t *testing.T) {
	m := follow(t, "r")
	m.Found(found("linearizable"))
	m.Found(found("no-lost-writes"))
	var got store.Live
	m.save = func(l *store.Live) error { got = *l; return nil }
	allowed := func(want ...bool) {
		t.Helper()
		m.write()
		for i, v := range got.Violations {
			if v.Allowed != want[i] {
				t.Errorf("allowed is %v of %s", v.Allowed, v.Model)
			}
		}
	}
	allowed(false, false, false) // nobody has said yet what is promised
	m.Judge(func(funcs []history.Func) *verdict.Promises {
		return &verdict.Promises{Models: map[string]bool{"linearizable": false, "regular": !slices.Contains(funcs, history.Write)}}
	})
	allowed(true, true, false)
	m.Judge(func(funcs []history.Func) *verdict.Promises {
		return &verdict.Promises{Models: map[string]bool{"linearizable": false, "regular": !slices.Contains(funcs, history.CAS)}}
	})
	allowed(false, true, false)
	m.Judge(func([]history.Func) *verdict.Promises { return nil })
	allowed(false, false, false)
}

// TestLive is what live.json says, and that it can be written no more is no trouble.
func TestLive(t *testing.T) {
	m := follow(t, "r")
	now := time.Unix(1000, 0)
	m.clock = func() time.Time { return now }
	var got store.Live
	saves, broken := 0, error(nil)
	m.save = func(l *store.Live) error { saves++; got = *l; return broken }
	for _, w := range m.latest {
		w.began, w.at = now.Add(-time.Second), now
	}
	m.write()
	if got.Run != "r" || got.Phase != harness.PhaseLoad || got.OK != 4 || got.Fail != 1 || got.Info != 1 || got.Open != 3 || got.Elapsed != 1 || got.Total != 60 {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(got.Faults, []string{"isolate n1", "kill n2"}) || got.Injected != 2 || got.TookEffect != 1 || got.Healed != 0 {
		t.Errorf("faults: %+v", got)
	}
	if len(got.Violations) != 1 || got.Violations[0].Count != 2 || got.Violations[0].Sentence != "first of regular" || len(got.Lags) != 1 || got.Lags[0].BehindMS != 1500 {
		t.Errorf("violations and lags: %+v", got)
	}
	if len(got.Latest) != 2 || got.Latest[0].Operation != "read" || got.Latest[0].PerSecond != 3 || got.Latest[0].P50 < 1.9 || got.Latest[0].P50 > 2.1 || got.Latest[1].PerSecond != 1 {
		t.Errorf("latest: %+v", got.Latest)
	}
	now = now.Add(9 * time.Second)
	m.write()
	if got.Latest[0].P50 < 1.9 || got.Latest[0].PerSecond != 0.3 {
		t.Errorf("after nine seconds: %+v", got.Latest)
	}
	now = now.Add(2 * time.Second)
	m.Phase(harness.PhaseSettle, "")
	m.write()
	if got.Latest[0].PerSecond != 0 || got.Latest[0].Max != 0 || len(got.Faults) != 0 || got.Injected != 2 || got.Phase != harness.PhaseSettle {
		t.Errorf("later: %+v", got)
	}
	broken = errors.New("no space left")
	m.write()
	m.write()
	if saves != 4 {
		t.Errorf("written %d times, expected 4: the last was refused", saves)
	}
}
