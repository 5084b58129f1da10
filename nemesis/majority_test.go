package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// voting is a fake whose members serve as a majority.
type voting struct{ *fake }

func (voting) WithoutMajority() string { return "they stand still" }

// TestMembersLeaveAMajority: a member leaves only when those who stay are a majority of all that run and reach each other, and what begins while it is out leaves a
// majority of the others. The pairs differ in one thing; where no majority is needed all of it takes effect.
func TestMembersLeaveAMajority(t *testing.T) {
	names := cluster.NodeNames
	on := func(fault string, nodes ...string) Step { return Step{Fault: fault, Nodes: nodes, Offset: time.Second} }
	cutting := func(fault string, nodes int, a, b []string) Step {
		s := Step{Fault: fault}
		split(&s, names(nodes), a, b)
		return s
	}
	alone := func(nodes int, node string) Step {
		s := Step{Fault: "partition-one"}
		isolate(node, names(nodes), &s)
		return s
	}
	mute := func(node string, peers ...string) Step {
		s := Step{Fault: "partition-oneway", Nodes: []string{node}}
		for _, p := range peers {
			s.Cuts = append(s.Cuts, node+">"+p)
		}
		return s
	}
	out := func(node string) Step { return on("membership", node) }
	for _, tt := range []struct {
		name          string
		nodes         int
		first, second Step
		// left tells whether the second is left out.
		left bool
	}{
		{"one of three is paused", 3, on("pause", "n3"), out("n2"), true},
		{"one of five is paused", 5, on("pause", "n3"), out("n2"), false},
		{"one of four is paused", 4, on("pause", "n3"), out("n2"), true},
		{"one of three is dead", 3, on("kill", "n3"), out("n2"), true},
		{"two of five are dead", 5, on("kill", "n3", "n4"), out("n2"), true},
		{"another one of three is cut off", 3, alone(3, "n3"), out("n2"), true},
		{"another one of five is cut off", 5, alone(5, "n3"), out("n2"), false},
		{"the one that leaves is cut off", 3, alone(3, "n2"), out("n2"), false},
		{"another one of three is mute", 3, mute("n3", "n1", "n2"), out("n2"), true},
		{"the one that leaves is mute", 3, mute("n2", "n1", "n3"), out("n2"), false},
		{"the bridge of three leaves", 3, cutting("partition-bridge", 3, []string{"n1"}, []string{"n3"}), out("n2"), true},
		{"a side of three leaves its bridge", 3, cutting("partition-bridge", 3, []string{"n1"}, []string{"n3"}), out("n3"), false},
		{"halves, of the larger one", 5, cutting("partition-halves", 5, []string{"n1", "n2"}, []string{"n3", "n4", "n5"}), out("n3"), true},
		{"halves, of the smaller one", 5, cutting("partition-halves", 5, []string{"n1", "n2"}, []string{"n3", "n4", "n5"}), out("n2"), false},
		{"a clock is wrong", 3, on("clock", "n3"), out("n2"), false},
		{"clients are cut off", 3, Step{Fault: "clients", Nodes: []string{"n3"}, Cuts: []string{"n3>clients", "clients>n3"}}, out("n2"), false},

		{"a kill while one of three is out", 3, out("n2"), on("kill", "n3"), true},
		{"a kill while one of five is out", 5, out("n2"), on("kill", "n3"), false},
		{"two kills while one of five is out", 5, out("n2"), on("kill", "n3", "n4"), true},
		{"a pause while one of three is out", 3, out("n2"), on("pause", "n1"), true},
		{"a cut while one of three is out", 3, out("n2"), alone(3, "n3"), true},
		{"a cut while one of five is out", 5, out("n2"), alone(5, "n3"), false},
		{"a one-way cut while one of three is out", 3, out("n2"), mute("n3", "n1", "n2"), true},
		{"a clock while one of three is out", 3, out("n2"), on("clock", "n3"), false},
		{"the primary is cut off while one of three is out", 3, out("n2"), on("partition-primary"), true},
		{"the primary is killed while one of five is out", 5, out("n2"), on("kill-primary"), false},
	} {
		for _, majority := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, majority %t", tt.name, majority), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFake(tt.nodes, lies{noFailover: true})
					first, second := tt.first, tt.second
					first.At, first.Hold, second.At, second.Hold = time.Second, 10*time.Second, 3*time.Second, 3*time.Second
					scene := f.scene()
					if majority {
						scene.System = voting{f}
					}
					o := scene.run(t.Context(), Schedule{Version: 1, Mode: Mixed, Nodes: names(tt.nodes), Duration: time.Minute, Steps: []Step{first, second}})
					if len(o.Unexpected) > 0 {
						t.Errorf("found after all faults: %v", o.Unexpected)
					}
					if left := tt.left && majority; left && (o.Injected != 1 || len(o.Skipped) != 1 || !strings.Contains(o.Skipped[0].Reason, "no majority would be left") || !strings.Contains(o.Skipped[0].Reason, "they stand still")) ||
						!left && (o.Injected != 2 || len(o.Skipped) != 0) {
						t.Errorf("injected %d, left out %v", o.Injected, o.Skipped)
					}
					f.whole(t)
				})
			})
		}
	}
}

// TestMembersThatAreNotBackYet: a node whose process was given back and that does not serve yet is none of a majority, while another fault keeps the
// end of that of its process from being waited for.
func TestMembersThatAreNotBackYet(t *testing.T) {
	steps := []Step{
		{At: time.Second, Hold: 2 * time.Second, Fault: "kill", Nodes: []string{"n3"}},
		{At: 1500 * time.Millisecond, Hold: 30 * time.Second, Fault: "clock", Nodes: []string{"n1"}, Offset: time.Second},
		{At: 6 * time.Second, Hold: 3 * time.Second, Fault: "membership", Nodes: []string{"n2"}},
	}
	for _, c := range []struct {
		name     string
		ready    time.Duration
		majority bool
		left     int
	}{
		{"it starts up", 10 * time.Second, true, 1},
		{"it serves", time.Second, true, 0},
		{"it starts up, and no majority is needed", 10 * time.Second, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(3, lies{})
				f.readyAfter = c.ready
				scene := f.scene()
				if c.majority {
					scene.System = voting{f}
				}
				o := scene.run(t.Context(), Schedule{Version: 1, Mode: Mixed, Nodes: cluster.NodeNames(3), Duration: time.Minute, Steps: steps})
				if len(o.Skipped) != c.left || o.Injected != len(steps)-c.left || o.Healed != o.Injected {
					t.Errorf("%+v", o)
				}
				if len(o.Skipped) > 0 && !strings.Contains(o.Skipped[0].Reason, "no majority would be left") {
					t.Errorf("left out: %v", o.Skipped)
				}
				f.whole(t)
			})
		})
	}
}

// TestWhatIsLeftOutHoldsNothing: a step that is left out for the majority has nothing in hand afterwards, so that the same can be done once the member is back.
func TestWhatIsLeftOutHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3, lies{})
		scene := f.scene()
		scene.System = voting{f}
		o := scene.run(t.Context(), Schedule{Version: 1, Mode: Mixed, Nodes: cluster.NodeNames(3), Duration: time.Minute, Steps: []Step{
			{At: time.Second, Hold: 5 * time.Second, Fault: "membership", Nodes: []string{"n2"}},
			{At: 3 * time.Second, Hold: time.Second, Fault: "pause", Nodes: []string{"n3"}},
			{At: 20 * time.Second, Hold: 2 * time.Second, Fault: "pause", Nodes: []string{"n3"}},
		}})
		if len(o.Skipped) != 1 || !strings.Contains(o.Skipped[0].Reason, "no majority would be left") || o.TookEffect != 2 || o.Healed != 2 {
			t.Errorf("%+v", o)
		}
		f.whole(t)
	})
}

// TestDrawnMembersLeaveAMajority looks at many schedules with rules of its own: whoever is out, more than half of the others run and have a common neighbour that
// reaches them. Without the ability some schedule breaks the rule, so that it is one.
func TestDrawnMembersLeaveAMajority(t *testing.T) {
	broken := func(s Schedule, at time.Duration) bool {
		out, gone, cut := "", map[string]bool{}, map[string]bool{}
		for _, o := range s.Steps {
			switch {
			case o.At > at || o.At+o.Hold <= at:
			case o.Fault == "membership":
				out = o.Nodes[0]
			case o.Fault == "kill" || o.Fault == "pause":
				for _, n := range o.Nodes {
					gone[n] = true
				}
			default:
				for _, c := range o.Cuts {
					cut[c] = true
				}
			}
		}
		if out == "" {
			return false
		}
		for _, a := range s.Nodes {
			if a == out || gone[a] {
				continue
			}
			with := 0
			for _, b := range s.Nodes {
				if b != out && !gone[b] && !cut[a+">"+b] && !cut[b+">"+a] {
					with++
				}
			}
			if 2*with > len(s.Nodes)-1 {
				return false
			}
		}
		return true
	}
	for _, tt := range []struct {
		nodes  int
		faults string
	}{{3, "membership,partition,pause"}, {5, "membership,partition,kill"}} {
		breaks := map[bool]int{}
		for _, majority := range []bool{true, false} {
			can := slices.Clone(everything)
			if majority {
				can = append(can, ability.Majority)
			}
			had := map[string]bool{}
			for seed := range uint64(40) {
				s, err := NewSchedule(Config{Seed: seed, Faults: strings.Split(tt.faults, ","), Nodes: cluster.NodeNames(tt.nodes), Abilities: can, Duration: time.Minute, Mode: Mixed})
				if err != nil {
					t.Fatal(err)
				}
				for _, step := range s.Steps {
					family, _, _ := strings.Cut(step.Fault, "-")
					had[step.Fault], had[family] = true, true
					if broken(s, step.At) {
						breaks[majority]++
					}
				}
			}
			for name := range strings.SplitSeq(tt.faults, ",") {
				if !had[name] {
					t.Errorf("%d nodes, %s: %s has no turn in any schedule", tt.nodes, tt.faults, name)
				}
			}
		}
		if breaks[true] > 0 || breaks[false] == 0 {
			t.Errorf("%d nodes, %s: steps that leave too few: %d where a majority is needed, %d where not", tt.nodes, tt.faults, breaks[true], breaks[false])
		}
	}
}
