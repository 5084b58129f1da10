package runs

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
)

// word is what a target or a system says of lost writes.
type word bool

func (w word) Promises(targets.Config, []history.Func) map[string]bool {
	return map[string]bool{models.NoLostWrites: bool(w)}
}

// mute is a target that promises nothing.
type mute struct{ targets.Target }

func (mute) Info() targets.Info { return targets.Info{} }

// speaking is one that does.
type speaking struct {
	mute
	word
}

// TestPromises: what was found goes before what was planned.
func TestPromises(t *testing.T) {
	for _, c := range []struct {
		name   string
		target targets.Target
		system targets.Promiser
		says   bool
		want   bool
	}{
		{"neither says", mute{}, nil, false, false},
		{"the target says", speaking{word: true}, nil, true, true},
		{"the system says so too", speaking{word: true}, word(true), true, true},
		{"the system knows better", speaking{word: true}, word(false), true, false},
		{"the system alone says", mute{}, word(true), true, true},
	} {
		p := promises(&Planned{Plan: &harness.Plan{}, Target: c.target}, c.system, []history.Func{history.Read})
		if (p != nil) != c.says || p != nil && p.Models[models.NoLostWrites] != c.want {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
	for fault, says := range map[string]bool{"client-death": true, "token-lost": false} {
		plan := &harness.Plan{}
		plan.Schedule.Steps = []nemesis.Step{{Fault: "lag"}, {Fault: fault}}
		if p := promises(&Planned{Plan: plan, Target: speaking{word: true}}, nil, []history.Func{history.Read}); (p != nil) != says {
			t.Errorf("with %s: %+v, want that a promise is told: %t", fault, p, says)
		}
	}
}
