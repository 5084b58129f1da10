package runs

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/settings"
)

// given is a request of flags and their values, as flags and the keys of suites are read.
func given(t *testing.T, pairs ...string) Request {
	t.Helper()
	r := settings.Defaults()
	for i := 0; i < len(pairs); i += 2 {
		s, ok := settings.OfFlag(pairs[i])
		if !ok {
			t.Fatalf("there is no --%s", pairs[i])
		}
		if err := s.Set(&r, pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// TestPresetPlans: a preset decides what nobody gave and nothing else, and the plan keeps what was left
// out. Planning what the plan has, what its command says, and what is read from where it is stored gives the same plan.
func TestPresetPlans(t *testing.T) {
	env := testEnvironment(t)
	const hard = "delete=1,read=2,write=1"
	for _, c := range []struct {
		name    string
		request Request
		mode    string
		rate    float64
		keys    int
		weights string
		linger  string
	}{
		{"thorough", given(t, "faults", "thorough"), "mixed", 800, 4, hard, "on"},
		{"a short run has more keys", given(t, "faults", "thorough", "duration", "8s"), "mixed", 800, 8, hard, "on"},
		{"twenty seconds are not short", given(t, "faults", "thorough", "duration", "20s"), "mixed", 800, 4, hard, "on"},
		{"what was said stands", given(t, "faults", "thorough", "rate", "50", "keys", "9", "weights", "read=1,write=1", "linger", "off"), "mixed", 50, 9, "read=1,write=1", "off"},
		{"the default rate, said", given(t, "faults", "thorough", "rate", "200"), "mixed", 200, 4, hard, "on"},
		{"as fast as answers come", given(t, "faults", "thorough", "rate", "0"), "mixed", 0, 4, hard, "on"},
		{"the default mode, said", given(t, "faults", "thorough", "fault-mode", "one-at-a-time"), "one-at-a-time", 800, 4, hard, "on"},
		{"the default keys, said", given(t, "faults", "thorough", "keys", "0"), "mixed", 800, 0, hard, "on"},
		{"the default weights, said", given(t, "faults", "thorough", "weights", ""), "mixed", 800, 4, "", "on"},
		{"the default readers, said", given(t, "faults", "thorough", "linger", "auto"), "mixed", 800, 4, hard, "auto"},
		{"all defaults, said", given(t, "faults", "thorough", "rate", "200", "fault-mode", "one-at-a-time", "keys", "0", "weights", "", "linger", "auto"), "one-at-a-time", 200, 0, "", "auto"},
		{"a program's own request", Request{Faults: "thorough", Rate: 200, FaultMode: "one-at-a-time", Linger: "auto"}, "one-at-a-time", 200, 4, hard, "auto"},
		{"a workload that has no deletes", given(t, "faults", "thorough", "set", "mode=sharded", "workload", "append"), "mixed", 800, 0, "", "auto"},
		{"one with defaults said", given(t, "faults", "thorough", "set", "mode=sharded", "workload", "append", "weights", "", "linger", "auto", "keys", "0"), "mixed", 800, 0, "", "auto"},
		{"standard", given(t, "faults", "standard"), "mixed", 200, 0, "", "auto"},
		{"standard with its mode said", given(t, "faults", "standard", "fault-mode", "one-at-a-time"), "one-at-a-time", 200, 0, "", "auto"},
		{"quick leaves the load alone", given(t, "faults", "quick"), "one-at-a-time", 200, 0, "", "auto"},
		{"quick with another mode", given(t, "faults", "quick", "fault-mode", "mixed"), "mixed", 200, 0, "", "auto"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := c.request
			req.Seed, req.Seeded = 7, true
			p, err := Plan(t.Context(), req, env)
			if err != nil {
				t.Fatal(err)
			}
			got := p.Plan
			if got.Rate != c.rate || got.Keys != c.keys || got.Weights != c.weights || got.Linger != c.linger || got.FaultMode != c.mode || string(got.Schedule.Mode) != c.mode {
				t.Errorf("rate %v, keys %d, weights %q, linger %q, mode %s, of the schedule %s", got.Rate, got.Keys, got.Weights, got.Linger, got.FaultMode, got.Schedule.Mode)
			}
			if got.Faults != req.Faults || got.Schedule.Preset != req.Faults || len(got.FaultNames()) < 2 {
				t.Errorf("faults %q, of the preset %q: %q", got.Faults, got.Schedule.Preset, got.FaultNames())
			}
			if _, ok := nemesis.PresetNamed(req.Faults); !ok || req.Faults == "thorough" && len(got.Schedule.LeftOut) == 0 {
				t.Errorf("left out: %v", got.Schedule.LeftOut)
			}
			first, _ := got.Encode()
			var stored harness.Plan
			if err := json.Unmarshal(first, &stored); err != nil {
				t.Fatal(err)
			}
			args := Args(p)
			said, values := given(t), map[string][]string{}
			for i := 0; i < len(args); i += 2 {
				flag := strings.TrimPrefix(args[i], "--")
				values[flag] = append(values[flag], args[i+1])
				s, ok := settings.OfFlag(flag)
				if !ok || s.Set(&said, values[flag]...) != nil {
					t.Fatalf("the command %q", args)
				}
			}
			for what, r := range map[string]Request{"what the plan has": got.Run, "what is stored": stored.Run, "what the command " + strings.Join(args, " ") + " says": said} {
				again, err := Plan(t.Context(), r, env)
				if err != nil {
					t.Fatalf("planning %s: %v", what, err)
				}
				if second, _ := again.Plan.Encode(); string(first) != string(second) {
					t.Errorf("planning %s gives another plan\n%s", what, second)
				}
			}
			replayed, err := FromPlan(t.Context(), &stored, env)
			if err != nil {
				t.Fatal(err)
			}
			if second, _ := replayed.Plan.Encode(); string(first) != string(second) || Command(replayed) != Command(p) {
				t.Errorf("what is stored is replayed as another plan: %s", Command(replayed))
			}
		})
	}
	if _, err := Plan(t.Context(), Request{Faults: "quick,clock"}, env); err == nil || !strings.Contains(err.Error(), "stands alone") {
		t.Errorf("a preset with another fault: %v", err)
	}
}
