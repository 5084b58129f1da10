package harness

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster"
)

// wires are a network of which only round trips are asked.
type wires struct {
	cluster.Network
	cluster.Shaper
	took map[cluster.Link]time.Duration
}

func (w *wires) RoundTrip(_ context.Context, x, y string) (time.Duration, error) {
	took, ok := w.took[cluster.Link{From: x, To: y}]
	if !ok {
		return 0, cluster.ErrUnreachable
	}
	return took, nil
}

// wired is a cluster of which only the network is asked.
type wired struct {
	cluster.Cluster
	network cluster.Network
}

func (*wired) Provider() string           { return "wired" }
func (w *wired) Network() cluster.Network { return w.network }

func TestRoundTripsAreRecorded(t *testing.T) {
	ms := time.Millisecond
	n13, n23 := cluster.Link{From: "n1", To: "n3"}, cluster.Link{From: "n2", To: "n3"}
	for _, c := range []struct {
		name        string
		network     cluster.Network
		event, fail string
	}{
		{"as wanted", &wires{took: map[cluster.Link]time.Duration{n13: 81 * ms, n23: 80 * ms}}, "eu-us 80 ms to 81 ms (80 ms wanted)", ""},
		{"one is short", &wires{took: map[cluster.Link]time.Duration{n13: 81 * ms, n23: 79 * ms}}, "", "one of eu-us took 79 ms and must take 80 ms"},
		{"one is cut", &wires{took: map[cluster.Link]time.Duration{n13: 81 * ms}}, "eu-us cannot be reached", ""},
		{"no slow links", nil, "", "no links that are slow"},
	} {
		t.Run(c.name, func(t *testing.T) {
			top, err := cluster.ParseTopology("eu=2,us=1", "eu-us=80ms,us-us=1ms", cluster.NodeNames(3))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "history")
			rec, err := history.Create(path, history.Header{Nodes: cluster.NodeNames(3)})
			if err != nil {
				t.Fatal(err)
			}
			r := &run{cluster: &wired{network: c.network}, topology: top, recorder: rec, progress: Silent{}}
			err = r.recordRoundTrips(t.Context(), "now")
			if c.fail == "" && err != nil || c.fail != "" && (err == nil || !strings.Contains(err.Error(), c.fail)) {
				t.Errorf("%v, want %q", err, c.fail)
			}
			if err := rec.Close(); err != nil {
				t.Fatal(err)
			}
			h, err := history.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, e := range h.Events {
				if e.Kind == history.EventRoundTrips {
					told = append(told, e.Text)
				}
			}
			if want := "measured now: " + c.event; c.event != "" && strings.Join(told, "\n") != want || c.event == "" && len(told) > 0 {
				t.Errorf("recorded %q, want %q", told, c.event)
			}
		})
	}
}
