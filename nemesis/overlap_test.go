package nemesis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// TestDrawnFaultsCanTakeEffect looks at many schedules with rules of its own: no
// step needs what another one has taken away at its time.
func TestDrawnFaultsCanTakeEffect(t *testing.T) {
	const seeds = 300
	stops := []string{"kill", "kill-all", "pause"}
	for _, tt := range []struct {
		nodes    int
		duration time.Duration
		faults   []string
		talks    Talks
	}{
		{3, 60 * time.Second, []string{"clock", "kill", "kill-all"}, nil},
		{3, 60 * time.Second, []string{"partition", "kill-all", "pause"}, nil},
		{3, 20 * time.Second, []string{"partition", "kill", "clock"}, nil},
		{2, 40 * time.Second, []string{"partition-one", "kill", "clock"}, nil},
		{3, 40 * time.Second, []string{"partition", "kill"}, talks},
		{5, 60 * time.Second, []string{"partition", "pause"}, talks},
		{3, 8 * time.Second, []string{"partition-bridge"}, talks},
		{5, 30 * time.Second, []string{"membership", "kill"}, nil},
		{3, 60 * time.Second, []string{"membership", "pause"}, nil},
	} {
		mode := Mixed
		if len(tt.faults) == 1 {
			mode = OneAtATime
		}
		for seed := range uint64(seeds) {
			s, err := NewSchedule(Config{Seed: seed, Faults: tt.faults, Nodes: cluster.NodeNames(tt.nodes), Abilities: everything,
				Duration: tt.duration, Mode: mode, Talks: tt.talks})
			if err != nil {
				t.Fatal(err)
			}
			had := map[string]bool{}
			for i, step := range s.Steps {
				family, _, _ := strings.Cut(step.Fault, "-")
				had[family], had[step.Fault] = true, true
				var stopped, cut []string
				for j, o := range s.Steps {
					if i == j || o.At > step.At || o.At+o.Hold <= step.At {
						continue
					}
					if o.Fault == "membership" && step.Fault == o.Fault {
						t.Errorf("%v, seed %d: step %d takes %s out while %s is", tt.faults, seed, i+1, step.Nodes[0], o.Nodes[0])
					}
					if slices.Contains(stops, o.Fault) {
						stopped = append(stopped, o.Nodes...)
					}
					cut = append(cut, o.Cuts...)
				}
				if step.Fault == "clock" && slices.Contains(stopped, step.Nodes[0]) {
					t.Errorf("%v, seed %d: step %d moves the clock of %s, which is stopped", tt.faults, seed, i+1, step.Nodes[0])
				}
				lost := 0
				for _, text := range step.Cuts {
					from, to, _ := strings.Cut(text, ">")
					silent := tt.talks != nil && from != "n1" && to != "n1"
					if !silent && !slices.Contains(cut, text) && !slices.Contains(stopped, from) && !slices.Contains(stopped, to) {
						lost++
					}
				}
				if len(step.Cuts) > 0 && lost == 0 {
					t.Errorf("%v, seed %d: step %d (%s) cuts %v, over which nothing is sent", tt.faults, seed, i+1, step.Fault, step.Cuts)
				}
			}
			for _, name := range tt.faults {
				if !had[name] {
					t.Errorf("%v, seed %d: %s has no turn in %d steps", tt.faults, seed, name, len(s.Steps))
				}
			}
		}
	}
}

// TestFaultsWhereTheyCannotTakeEffect puts by hand what no schedule draws, and what
// is known only when a fault is injected: it is left out, and the run stays
// conclusive. The pairs differ in one thing.
func TestFaultsWhereTheyCannotTakeEffect(t *testing.T) {
	cutting := func(fault string, a, b []string) Step {
		s := Step{Fault: fault}
		split(&s, cluster.NodeNames(3), a, b)
		return s
	}
	between := cutting("partition-bridge", []string{"n2"}, []string{"n3"})
	bridge := cutting("partition-bridge", []string{"n1"}, []string{"n3"})
	at := func(at, hold time.Duration, s Step) Step {
		s.At, s.Hold = at, hold
		return s
	}
	on := func(fault string, nodes ...string) Step { return Step{Fault: fault, Nodes: nodes} }
	isolated := func(node string) Step {
		var s Step
		s.Fault = "partition-one"
		isolate(node, cluster.NodeNames(3), &s)
		return s
	}
	for _, tt := range []struct {
		name   string
		first  Step
		second Step
		talks  Talks
		// left is why the second is left out, empty if it takes effect.
		left string
		// on is the node that the second is done to.
		on string
	}{
		{"clock of a dead node", on("kill", "n2"), on("clock", "n2"), nil, "the process of n2 is in the hands of another fault (kill n2)", ""},
		{"clock of another node", on("kill", "n2"), on("clock", "n3"), nil, "", "n3"},
		{"another member while one is out", on("membership", "n2"), on("membership", "n3"), nil, "the list of members of n1 is in the hands of another fault (take n2 out of the cluster)", ""},
		{"a member while another node is paused", on("pause", "n3"), on("membership", "n2"), nil, "", "n2"},
		{"a member while another node's clock is wrong", on("clock", "n3"), on("membership", "n2"), nil, "", "n2"},
		{"a kill while a member is out", on("membership", "n2"), on("kill", "n3"), nil, "", "n3"},
		{"clock of a paused node", on("pause", "n2"), on("clock", "n2"), nil, "the process of n2 is in the hands of another fault (pause n2)", ""},
		{"lag of a dead replica", on("kill", "n2"), on("lag"), nil, "", "n3"},
		{"lag when the primary is dead", on("kill", "n1"), on("lag"), nil, "no replica follows a primary", ""},
		{"lag of a replica by its name when the primary is paused", on("pause", "n1"), on("lag", "n2"), nil, "no replica follows a primary", ""},
		{"lag of the replica that is held back already", on("lag"), on("lag", "n2"), nil, "the replication of n2 is in the hands of another fault (hold back replica n2)", ""},
		{"lag of a replica while another is held back", on("lag"), on("lag"), nil, "", "n3"},
		{"a kill of a node that the failover manager has in hand", on("reinitialize", "n1", "n2", "n3"), on("kill", "n3"), nil, "the process of n3 is in the hands of another fault (reinitialize n2)", ""},
		{"lag when all replicas are dead", on("kill", "n2", "n3"), on("lag"), nil, "in the hands of another fault", ""},
		{"a dead node cut off", on("kill", "n2"), isolated("n2"), nil, "n2 is stopped while another fault is on", ""},
		{"a living node cut off", on("kill", "n2"), isolated("n1"), nil, "", "n1"},
		{"a paused node cut off", on("pause", "n2"), isolated("n2"), nil, "paused by another fault", ""},
		{"links that are cut already", isolated("n1"), bridge, nil, "another fault cuts all of its links already", ""},
		{"replicas cut off from each other", on("clock", "n1"), between, talks, "while n1 is the primary the database sends nothing over its links", ""},
		{"a replica cut off from the primary", on("clock", "n1"), bridge, talks, "", "n1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(3, lies{star: true, noFailover: true})
				tt.second.Offset = time.Second
				tt.first.Offset = time.Second
				s := Schedule{Version: 1, Mode: Mixed, Nodes: cluster.NodeNames(3), Duration: time.Minute,
					Steps: []Step{at(time.Second, 10*time.Second, tt.first), at(3*time.Second, 3*time.Second, tt.second)}}
				scene := f.scene()
				scene.Talks = tt.talks
				o := scene.run(t.Context(), s)
				if len(o.Reasons()) > 0 || len(o.Unexpected) > 0 {
					t.Errorf("inconclusive: %v %v", o.Reasons(), o.Unexpected)
				}
				if tt.left == "" {
					if o.Healed != 2 || f.faults[2].Nodes[0] != tt.on {
						t.Errorf("%+v %+v", o, f.faults[2])
					}
				} else if len(o.Skipped) != 1 || !strings.Contains(o.Skipped[0].Reason, tt.left) {
					t.Errorf("left out: %v, want %q", o.Skipped, tt.left)
				}
				f.whole(t)
			})
		})
	}
}

// TestWhatTheDatabaseDoesNotSay: a step of which the database does not say what it would be done to is left out while another fault is on,
// which may be why, and else makes the run inconclusive.
func TestWhatTheDatabaseDoesNotSay(t *testing.T) {
	var cut Step
	cut.Fault = "partition-one"
	isolate("n3", cluster.NodeNames(3), &cut)
	one := func(fault string) Step { return Step{Fault: fault, Nodes: []string{"n3"}} }
	all := func(fault string) Step { return Step{Fault: fault, Nodes: cluster.NodeNames(3)} }
	for _, c := range []struct {
		name string
		step Step
		lies lies
		says string
	}{
		{"the ranges", one("move-range"), lies{rangesUntold: true}, "the ranges cannot be asked for: no member answers"},
		{"the primary, without which it is not known who talks to whom", cut, lies{noPrimary: true}, "depends on the primary, and that is not known: no primary at the moment"},
		{"the primary that is to be killed", all("kill-primary"), lies{noPrimary: true}, "finding the primary: no primary at the moment"},
		{"the primary that is to be cut off", all("partition-primary"), lies{noPrimary: true}, "finding the primary: no primary at the moment"},
		{"the primary that is followed", Step{Fault: "lag"}, lies{noPrimary: true}, "finding the primary: no primary at the moment"},
		{"the members", one("membership"), lies{membersUntold: true}, "asking for the members: n1 is in no majority"},
		{"who leads", all("switchover"), lies{managerUntold: true}, "no manager answers"},
	} {
		for _, beside := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, beside another fault: %t", c.name, beside), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFake(3, c.lies)
					scene := f.scene()
					scene.Talks = func(string, string, string) bool { return true }
					step := c.step
					step.At, step.Hold = 3*time.Second, 3*time.Second
					s := Schedule{Version: 1, Mode: Mixed, Nodes: cluster.NodeNames(3), Duration: time.Minute, Steps: []Step{step}}
					if beside {
						s.Steps = []Step{{At: time.Second, Hold: 20 * time.Second, Fault: "clock", Nodes: []string{"n1"}, Offset: time.Second}, step}
					}
					o := scene.run(t.Context(), s)
					told, silent := o.Ineffective, o.Skipped
					if beside {
						told, silent = silent, told
					}
					inconclusive := slices.ContainsFunc(o.Reasons(), func(r string) bool { return strings.Contains(r, c.says) })
					if len(told) != 1 || !strings.Contains(told[0].Reason, c.says) || len(silent) != 0 || !beside && !inconclusive {
						t.Errorf("%+v, inconclusive for %q, want %q", o, o.Reasons(), c.says)
					}
				})
			})
		}
	}
}

// TestRangesAreAskedForAgain: ranges that cannot be asked for at once, and with no other fault on, are asked for again before the run is inconclusive for it.
func TestRangesAreAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newFake(3, lies{rangesLate: 2}).scene().run(t.Context(), Schedule{Version: 1, Mode: Mixed, Nodes: cluster.NodeNames(3), Duration: time.Minute, Steps: []Step{
			{At: time.Second, Hold: 3 * time.Second, Fault: "move-range", Nodes: []string{"n3"}},
		}})
		if o.TookEffect != 1 || o.Healed != 1 || len(o.Ineffective) != 0 || len(o.Skipped) != 0 {
			t.Errorf("%+v", o)
		}
	})
}

// TestOneFaultStartsAtATime: what begins while another fault is yet to be seen waits
// for that, and so cannot keep it from taking effect.
func TestOneFaultStartsAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3, lies{})
		s := Schedule{Version: 1, Mode: Mixed, Nodes: cluster.NodeNames(3), Duration: time.Minute, Steps: []Step{
			{At: time.Second, Hold: 5 * time.Second, Fault: "partition-one"},
			{At: time.Second + time.Millisecond, Hold: 5 * time.Second, Fault: "kill-all", Nodes: cluster.NodeNames(3)},
		}}
		isolate("n1", s.Nodes, &s.Steps[0])
		o := f.scene().run(t.Context(), s)
		if len(o.Reasons()) > 0 || o.Healed != 2 || f.faults[2].Injected < f.faults[1].TookEffect {
			t.Errorf("%+v %+v", o, f.faults)
		}
	})
}

// TestWhoseTurnComesAfterTheLoad: a fault that waited for another one until the load was over is left out. The pair differs in the length of the load.
func TestWhoseTurnComesAfterTheLoad(t *testing.T) {
	for _, tt := range []struct {
		load    time.Duration
		skipped int
	}{{4 * time.Second, 1}, {20 * time.Second, 0}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{cutNothing: true})
			s := Schedule{Version: 1, Mode: Mixed, Nodes: cluster.NodeNames(3), Duration: time.Minute, Steps: []Step{
				{At: time.Second, Hold: time.Second, Fault: "partition-one"},
				{At: 2 * time.Second, Hold: time.Second, Fault: "kill", Nodes: []string{"n3"}},
			}}
			isolate("n1", s.Nodes, &s.Steps[0])
			ctx, cancel := context.WithTimeout(t.Context(), tt.load)
			defer cancel()
			o := f.scene().run(ctx, s)
			if len(o.Ineffective) != 1 || len(o.Skipped) != tt.skipped || o.TookEffect != 1-tt.skipped {
				t.Errorf("a load of %s: %+v", tt.load, o)
			}
			if tt.skipped > 0 && (o.Skipped[0].Reason != errLoadEnded.Error() || o.Skipped[0].Name != "kill") {
				t.Errorf("left out: %+v", o.Skipped)
			}
			f.whole(t)
		})
	}
}

// TestStoppedByTheDatabase: a node that the database stopped because of a fault is
// no reason for another fault to fail; one that nothing accounts for is.
func TestStoppedByTheDatabase(t *testing.T) {
	for _, alone := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{})
			steps := []Step{{At: 4 * time.Second, Hold: 2 * time.Second, Fault: "kill", Nodes: []string{"n1"}}}
			if !alone {
				isolation := Step{At: time.Second, Hold: 10 * time.Second, Fault: "partition-one"}
				isolate("n1", cluster.NodeNames(3), &isolation)
				steps = append([]Step{isolation}, steps...)
			}
			done := make(chan struct{})
			go func() { // fenced, and started again later
				defer close(done)
				time.Sleep(3 * time.Second)
				_ = f.nodes["n1"].Kill(t.Context())
				time.Sleep(6 * time.Second)
				_ = f.Restart(t.Context(), "n1")
			}()
			s := Schedule{Version: 1, Mode: Mixed, Nodes: cluster.NodeNames(3), Duration: time.Minute, Steps: steps}
			o := f.scene().run(t.Context(), s)
			if failed := len(o.Reasons()) > 0; failed != alone {
				t.Errorf("alone %t: %+v", alone, o)
			}
			<-done
			f.whole(t)
		})
	}
}
