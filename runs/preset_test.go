package runs

import (
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/nemesis"
)

// TestPresetPlans: a preset decides what was left at its default and nothing else, and
// the plan keeps what was left out; planning what the plan has gives the same plan.
func TestPresetPlans(t *testing.T) {
	env := testEnvironment(t)
	for _, c := range []struct {
		name    string
		request Request
		rate    float64
		keys    int
		weights string
		linger  string
	}{
		{name: "thorough", request: Request{Faults: "thorough"}, rate: 800, keys: 4, weights: "delete=1,read=2,write=1", linger: "on"},
		{name: "a short run has more keys", request: Request{Faults: "thorough", Duration: 8 * time.Second}, rate: 800, keys: 8, weights: "delete=1,read=2,write=1", linger: "on"},
		{name: "twenty seconds are not short", request: Request{Faults: "thorough", Duration: 20 * time.Second}, rate: 800, keys: 4, weights: "delete=1,read=2,write=1", linger: "on"},
		{name: "what was said stands", request: Request{Faults: "thorough", Rate: 50, Keys: 9, Weights: "read=1,write=1", Linger: "off"}, rate: 50, keys: 9, weights: "read=1,write=1", linger: "off"},
		{name: "quick leaves the load alone", request: Request{Faults: "quick"}, rate: 200, weights: "", linger: "auto"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := c.request
			if req.Rate == 0 {
				req.Rate = 200 // as the flags fill it in
			}
			req.Seed, req.Seeded = 7, true
			p, err := Plan(t.Context(), req, env)
			if err != nil {
				t.Fatal(err)
			}
			got := p.Plan
			if got.Rate != c.rate || got.Keys != c.keys || got.Weights != c.weights || got.Linger != c.linger {
				t.Errorf("rate %v, keys %d, weights %q, linger %q", got.Rate, got.Keys, got.Weights, got.Linger)
			}
			if got.Faults != req.Faults || got.Schedule.Preset != req.Faults || len(got.FaultNames()) < 2 {
				t.Errorf("faults %q, of the preset %q: %q", got.Faults, got.Schedule.Preset, got.FaultNames())
			}
			if _, ok := nemesis.PresetNamed(req.Faults); !ok || req.Faults == "thorough" && len(got.Schedule.LeftOut) == 0 {
				t.Errorf("left out: %v", got.Schedule.LeftOut)
			}
			first, _ := got.Encode()
			again, err := Plan(t.Context(), got.Run, env)
			if err != nil {
				t.Fatal(err)
			}
			if second, _ := again.Plan.Encode(); string(first) != string(second) {
				t.Error("planning what the plan has gives another plan")
			}
		})
	}
	if _, err := Plan(t.Context(), Request{Faults: "quick,clock"}, env); err == nil || !strings.Contains(err.Error(), "stands alone") {
		t.Errorf("a preset with another fault: %v", err)
	}
}
