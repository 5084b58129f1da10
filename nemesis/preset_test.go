package nemesis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// TestPresetsFit: a preset has what the target can have and the run has time for, and
// names the rest with the reason.
func TestPresetsFit(t *testing.T) {
	for _, c := range []struct {
		name      string
		preset    string
		cfg       Config
		want      string
		left, why string
	}{
		{name: "a leaderless store", preset: "standard", cfg: Config{Nodes: cluster.NodeNames(3), Duration: time.Minute, Abilities: []ability.Ability{ability.Restart}},
			want: "partition,kill,pause", left: "kill-primary", why: "needs a primary"},
		{name: "one with a primary", preset: "standard", cfg: Config{Nodes: cluster.NodeNames(3), Duration: time.Minute, Abilities: []ability.Ability{ability.Restart, ability.Primary}},
			want: "partition,kill,pause,kill-primary"},
		{name: "one node", preset: "quick", cfg: Config{Nodes: cluster.NodeNames(1), Duration: time.Minute, Abilities: []ability.Ability{ability.Restart}},
			want: "kill", left: "partition", why: "needs at least 2 nodes"},
		{name: "no time", preset: "quick", cfg: Config{Nodes: cluster.NodeNames(3), Duration: 4 * time.Second, Abilities: []ability.Ability{ability.Restart}},
			want: "partition", left: "kill", why: "a run of 4 s has time for 1 fault"},
		{name: "an external cluster", preset: "quick", cfg: Config{Nodes: cluster.NodeNames(3), Duration: time.Minute, Abilities: []ability.Ability{ability.Restart}, External: true,
			Operator: &cluster.Operator{}}, left: "*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, ok := PresetNamed(c.preset)
			if !ok {
				t.Fatal("there is no such preset")
			}
			got, left, err := p.Fit(c.cfg)
			if c.left == "*" {
				if err == nil {
					t.Errorf("it has %q", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(got, ",") != c.want {
				t.Errorf("it has %q, want %s", got, c.want)
			}
			if c.left == "" && len(left) == 0 {
				return
			}
			if len(left) == 0 || left[len(left)-1].What != c.left || !strings.Contains(left[len(left)-1].Why, c.why) {
				t.Errorf("left out %v, want %s because %q", left, c.left, c.why)
			}
		})
	}
}

// TestThoroughHasAll: what is in no preset would never be run by whoever trusts them. What is
// to be asked for by name is in none.
func TestThoroughHasAll(t *testing.T) {
	p, _ := PresetNamed("thorough")
	mixed := map[string]bool{}
	for _, k := range catalogue() {
		for _, part := range k.mix {
			mixed[part] = true
		}
	}
	for _, k := range catalogue() {
		if has, want := slices.Contains(p.faults, k.Name), !mixed[k.Name] && !k.Blameless && !k.named && k.Removal == ""; has != want && !(has && mixed[k.Name]) {
			t.Errorf("it has %s: %t, want %t", k.Name, has, want)
		}
	}
	for i, name := range p.faults {
		if slices.Contains(p.faults[:i], name) {
			t.Errorf("%s is there twice", name)
		}
	}
}

// TestParsePresets: a preset stands alone, and a name that is nearly one is asked back.
func TestParsePresets(t *testing.T) {
	for text, want := range map[string]string{
		"thorough":   "thorough",
		"quick,kill": "!stands alone",
		"kill,quick": "!stands alone",
		"quik":       `!did you mean "quick"`,
		"all":        "!quick, standard, thorough",
	} {
		got, err := Parse(text)
		switch {
		case err == nil && strings.Join(got, ",") != want:
			t.Errorf("%q is %q, want %s", text, got, want)
		case err != nil && !strings.Contains("!"+err.Error(), want) && !strings.Contains(err.Error(), strings.TrimPrefix(want, "!")):
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
