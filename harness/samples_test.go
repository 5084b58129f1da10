package harness

import (
	"context"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/workloads"
)

// telling is memory whose replicas lag and whose keys have places.
type telling struct{ *memory }

func (t telling) Start(context.Context, cluster.Cluster, targets.Config) (targets.System, error) {
	return t, nil
}

func (telling) ReplicaLag(context.Context) ([]history.Lag, error) {
	return []history.Lag{{Node: "n2", BehindMS: 7}, {Node: "n3"}}, nil
}

func (telling) Replicas(_ context.Context, key history.Key) ([]string, error) {
	return []string{cluster.NodeNames(3)[key%3]}, nil
}

func (telling) Measures(context.Context) []history.Measure {
	return []history.Measure{{Name: history.MeasureMoved, Value: 0.25, Text: "a quarter"}}
}

// TestSamples: how far replicas are behind is recorded while the load is on, and
// where the keys are after it, for the workload that wants to know.
func TestSamples(t *testing.T) {
	f := newFixture(t, 1200*time.Millisecond, 200, 2)
	hot, err := workloads.ByName("hot")
	if err != nil {
		t.Fatal(err)
	}
	f.deps.Workload, err = hot.New(workloads.Config{Seed: 5, Workers: 2, Nodes: 3, Funcs: f.mem.Info().Funcs, MaxTxn: 1, Keys: 6})
	if err != nil {
		t.Fatal(err)
	}
	f.deps.Target = telling{f.mem}
	if _, err := Run(t.Context(), f.plan, f.deps); err != nil {
		t.Fatal(err)
	}
	lags, places, phase := map[string]int{}, map[history.Key]string{}, ""
	var measures []history.Measure
	for _, e := range f.history(t).Events {
		switch e.Kind {
		case history.EventPhase:
			phase = e.Text
		case history.EventLag:
			if l, ok := e.Lag(); ok && phase == PhaseLoad {
				lags[l.Node]++
			}
		case history.EventMeasure:
			if m, ok := e.Measure(); ok && phase == PhaseLoad {
				measures = append(measures, m)
			}
		case history.EventPlacement:
			if p, ok := e.Placement(); ok && len(p.Nodes) == 1 {
				places[p.Key] = p.Nodes[0]
			}
		}
	}
	if lags["n2"] < 1 || lags["n2"] != lags["n3"] {
		t.Errorf("lags %v", lags)
	}
	if len(places) < 6 || places[0] != "n1" || places[4] != "n2" {
		t.Errorf("places %v", places)
	}
	if len(measures) != 1 || measures[0].Value != 0.25 {
		t.Errorf("measures %v", measures)
	}
}
