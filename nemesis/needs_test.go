package nemesis

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/ability"
)

// TestNeeds: what faults need can be told apart by its words, and the fake of these
// tests has all of it.
func TestNeeds(t *testing.T) {
	words := map[string]ability.Ability{}
	for _, a := range everything {
		if other, there := words[a.String()]; there {
			t.Errorf("%q stands for %q and for %q", a, other.Meaning(), a.Meaning())
		}
		words[a.String()] = a
		if a.String() == "" || a.Meaning() == "" {
			t.Errorf("ability %q has no word or no meaning: %q", a, a.Meaning())
		}
		if !a.In(newFake(1, lies{})) {
			t.Errorf("the fake has not the ability %s, so that no test here can break it", a)
		}
	}
}

// TestNeed: lists of faults that differ in one.
func TestNeed(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  bool
	}{
		{[]string{"partition", "kill"}, false},
		{[]string{"partition", "kill", "clock"}, true},
		{[]string{"clock-restart"}, true},
		{[]string{"no such fault"}, false},
		{nil, false},
	} {
		if got := Need(c.names, ability.Clock); got != c.want {
			t.Errorf("%v need clocks that can be moved: %v, want %v", c.names, got, c.want)
		}
	}
}

// TestOfTheClientsAlone: in an external cluster without any command of its operator, what happens to clients
// is planned, and what happens to nodes or links is refused; a mix of both is refused too.
func TestOfTheClientsAlone(t *testing.T) {
	nodes := []string{"n1", "n2", "n3"}
	for _, k := range catalogue() {
		if k.mix != nil || k.Removal != "" {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			_, err := NewSchedule(Config{Seed: 3, Faults: []string{k.Name}, Nodes: nodes, Abilities: everything, External: true, Duration: 10 * time.Second})
			if k.Clients != (err == nil) {
				t.Errorf("of the clients alone: %t, and %v", k.Clients, err)
			}
			if _, err := NewSchedule(Config{Seed: 3, Faults: []string{k.Name, "kill"}, Nodes: nodes, Abilities: everything, External: true, Duration: 10 * time.Second}); err == nil {
				t.Error("with a kill it is planned without a command for that")
			}
		})
	}
}
