package history

import "testing"

// TestAtItsLevel: reads of single nodes are hidden as failed ones, at the same places,
// and nothing else is.
func TestAtItsLevel(t *testing.T) {
	h := &History{
		Events: []Event{{At: 1, Kind: EventPhase, Text: "load"}, {At: 20, Kind: EventPhase, Text: PhaseReplicas}, {At: 30, Kind: EventPhase, Text: PhaseFinal}},
		Ops:    []Op{{Invoke: 10, Complete: 11, Outcome: OK}, {Invoke: 21, Complete: 22, Outcome: OK}, {Invoke: 29, Complete: 31, Outcome: OK}, {Invoke: 31, Complete: 32, Outcome: OK}},
	}
	own, hidden := h.AtItsLevel()
	if hidden != 2 || len(own.Ops) != len(h.Ops) {
		t.Fatalf("%d hidden of %d", hidden, len(own.Ops))
	}
	for i, want := range []Outcome{OK, Fail, Fail, OK} {
		if own.Ops[i].Outcome != want || h.Ops[i].Outcome != OK {
			t.Errorf("operation %d is %v, want %v; the history itself has %v", i, own.Ops[i].Outcome, want, h.Ops[i].Outcome)
		}
	}
	h.Events = h.Events[:1]
	if own, hidden := h.AtItsLevel(); own != h || hidden != 0 {
		t.Errorf("a history without such reads: %d hidden", hidden)
	}
}
