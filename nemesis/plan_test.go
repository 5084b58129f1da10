package nemesis

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

func written(t *testing.T, s Schedule) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSameSeedSamePlanByteForByte(t *testing.T) {
	for _, mode := range []Mode{OneAtATime, Mixed} {
		plan := func(seed uint64) string { return written(t, planFor(t, 5, seed, mode, Names()...)) }
		for seed := range uint64(50) {
			first, again := plan(seed), plan(seed)
			if first != again {
				t.Fatalf("seed %d gave two plans", seed)
			}
			if first == plan(seed+1) {
				t.Errorf("the seeds %d and %d gave the same plan", seed, seed+1)
			}
		}
	}
}

func TestScheduleComesBackAsItWasWritten(t *testing.T) {
	for seed := range uint64(50) {
		s := planFor(t, 5, seed, Mixed, Names()...)
		text := written(t, s)
		if strings.Contains(text, `\u003e`) {
			t.Fatal("links are not readable in the file")
		}
		back, err := ReadSchedule(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(s, back) {
			t.Fatalf("wrote %+v, read %+v", s, back)
		}
	}
}

// TestWindows holds plans of many lengths to what Config promises of times.
func TestWindows(t *testing.T) {
	for _, tt := range []struct {
		duration   time.Duration
		mode       Mode
		least, max int
	}{
		{2 * time.Second, OneAtATime, 3, 3},
		{10 * time.Second, OneAtATime, 3, 3},
		{30 * time.Second, OneAtATime, 3, 3},
		{time.Minute, OneAtATime, 5, 5},
		{10 * time.Minute, OneAtATime, 58, 60},
		{10 * time.Second, Mixed, 5, 5},
		{time.Minute, Mixed, 9, 11},
	} {
		for seed := range uint64(200) {
			s, err := NewSchedule(Config{Seed: seed, Faults: []string{"partition", "kill", "pause"}, Nodes: cluster.NodeNames(5),
				Abilities: everything, Duration: tt.duration, Mode: tt.mode})
			if err != nil {
				t.Fatal(err)
			}
			if n := len(s.Steps); n < tt.least || n > tt.max {
				t.Fatalf("%s %s, seed %d: %d windows, expected %d to %d", tt.duration, tt.mode, seed, n, tt.least, tt.max)
			}
			margin := min(tt.duration/10, 2*time.Second)
			first := s.Steps[0]
			if first.At < margin.Truncate(time.Millisecond) || first.At > margin+tt.duration/5 {
				t.Errorf("%s %s, seed %d: the first fault is at %s", tt.duration, tt.mode, seed, first.At)
			}
			var families []string
			for i, step := range s.Steps {
				if step.At+step.Hold > tt.duration-margin {
					t.Errorf("%s %s, seed %d: step %d lasts until %s", tt.duration, tt.mode, seed, i+1, step.At+step.Hold)
				}
				k, err := find(step.Fault)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Contains(families, k.Kind) {
					families = append(families, k.Kind)
				}
				open := 0
				for _, o := range s.Steps[:i] {
					if o.At+o.Hold > step.At {
						open++
					}
				}
				if tt.mode == OneAtATime && open > 0 || open > 1 {
					t.Errorf("%s %s, seed %d: step %d begins while %d others are open", tt.duration, tt.mode, seed, i+1, open)
				}
			}
			if len(families) != 3 {
				t.Errorf("%s %s, seed %d: only %v occur", tt.duration, tt.mode, seed, families)
			}
		}
	}
}

// As many windows as faults, where there is room for that.
func TestEveryFaultHasItsTurn(t *testing.T) {
	for _, tt := range []struct {
		duration time.Duration
		faults   int
		want     int
	}{{20 * time.Second, 6, 6}, {10 * time.Second, 6, 4}, {5 * time.Second, 6, 3}, {30 * time.Second, 2, 3}} {
		faults := []string{"partition", "kill", "pause", "clients", "clock", "lag"}[:tt.faults]
		s, err := NewSchedule(Config{Seed: 4, Faults: faults, Nodes: cluster.NodeNames(3), Abilities: everything, Duration: tt.duration})
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]bool{}
		for _, step := range s.Steps {
			k, err := find(step.Fault)
			if err != nil {
				t.Fatal(err)
			}
			kinds[k.Kind] = true
		}
		if len(s.Steps) != tt.want || len(kinds) != min(tt.want, tt.faults) {
			t.Errorf("%d faults in %s: %d windows of %d kinds, expected %d", tt.faults, tt.duration, len(s.Steps), len(kinds), tt.want)
		}
	}
}

func TestMixedPlansLeaveNoNodeToTwoFaults(t *testing.T) {
	both := 0
	for seed := range uint64(300) {
		s := planFor(t, 3, seed, Mixed, "kill", "pause", "kill-all")
		for i, a := range s.Steps {
			for _, b := range s.Steps[:i] {
				if b.At+b.Hold <= a.At {
					continue
				}
				both++
				for _, n := range a.Nodes {
					if slices.Contains(b.Nodes, n) {
						t.Fatalf("seed %d: %s and %s overlap on %s", seed, a.Fault, b.Fault, n)
					}
				}
			}
		}
	}
	if both == 0 {
		t.Error("nothing overlaps: this tests nothing")
	}
}

// TestPartitions holds the shape of every partition to its definition, for all
// sizes of cluster.
func TestPartitions(t *testing.T) {
	for n := 2; n <= 9; n++ {
		nodes := cluster.NodeNames(n)
		majority := n/2 + 1
		for _, k := range partitions().kinds {
			if k.mix != nil || slices.Contains(k.Needs, ability.Primary) || slices.Contains(k.Needs, ability.Centres) || n < k.MinNodes {
				continue
			}
			picks := map[string]bool{}
			for seed := range uint64(60) {
				var s Step
				s.Fault = k.Name
				k.pick(planStream("", seed), nodes, &s)
				links, err := parseLinks(s.Cuts, nodes)
				if err != nil {
					t.Fatalf("%s of %d nodes: %v", k.Name, n, err)
				}
				picks[strings.Join(s.Cuts, " ")] = true
				cut := map[cluster.Link]bool{}
				for _, l := range links {
					cut[l] = true
				}
				// sees is how many nodes a node exchanges messages with both
				// ways, itself included.
				sees := func(a string) int {
					count := 1
					for _, b := range nodes {
						if a != b && !cut[cluster.Link{From: a, To: b}] && !cut[cluster.Link{From: b, To: a}] {
							count++
						}
					}
					return count
				}
				var seen []int
				oneWay := 0
				for _, a := range nodes {
					seen = append(seen, sees(a))
					for _, b := range nodes {
						if cut[cluster.Link{From: a, To: b}] && !cut[cluster.Link{From: b, To: a}] {
							oneWay++
						}
					}
				}
				slices.Sort(seen)
				fail := func() { t.Fatalf("%s of %d nodes cuts %v: nodes see %v others", k.Name, n, s.Cuts, seen) }
				if (oneWay > 0) != (k.Name == "partition-oneway") {
					fail()
				}
				small, large := seen[0], seen[n-1]
				switch k.Name {
				case "partition-one":
					if small != 1 || large != max(n-1, 1) || len(links) != 2*(n-1) {
						fail()
					}
				case "partition-halves":
					if small != n/2 || large != n-n/2 {
						fail()
					}
				case "partition-majority":
					if small >= majority || large < majority || small+large != n {
						fail()
					}
				case "partition-ring":
					if small < majority || large == n || small != large {
						fail()
					}
				case "partition-bridge":
					bridge := 0
					for _, c := range seen {
						if c == n {
							bridge++
						}
					}
					if bridge != 1 || sees(s.Nodes[0]) != n || small >= n-1 && n > 3 {
						fail()
					}
				case "partition-oneway":
					if oneWay != n-1 || sees(s.Nodes[0]) != 1 {
						fail()
					}
				}
				if nameOf(&k, &s) == "" {
					t.Errorf("%s has no description", k.Name)
				}
			}
			if n > 2 && len(picks) < 2 {
				t.Errorf("%s of %d nodes: all seeds pick the same", k.Name, n)
			}
		}
	}
}

// nameOf is what a cut is called.
func nameOf(k *kind, s *Step) string {
	c, ok := k.act(s).(*cut)
	if !ok {
		return ""
	}
	return strings.TrimSpace(c.describe(s))
}

func TestMixTakesWhatFits(t *testing.T) {
	for _, tt := range []struct {
		nodes     int
		abilities []ability.Ability
		want      []string
	}{
		{2, nil, []string{"partition-halves", "partition-one", "partition-oneway"}},
		{3, []ability.Ability{}, []string{"partition-bridge", "partition-halves", "partition-majority", "partition-one", "partition-oneway"}},
		{3, everything, []string{"partition-bridge", "partition-halves", "partition-majority", "partition-one", "partition-oneway", "partition-primary"}},
		{5, everything, []string{"partition-bridge", "partition-halves", "partition-majority", "partition-one", "partition-oneway", "partition-primary", "partition-ring"}},
	} {
		s, err := NewSchedule(Config{Seed: 1, Faults: []string{"partition"}, Nodes: cluster.NodeNames(tt.nodes), Abilities: tt.abilities, Duration: 10 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for i, step := range s.Steps {
			if i < len(tt.want) && got[step.Fault] {
				t.Errorf("%d nodes: %s comes again before all others had their turn", tt.nodes, step.Fault)
			}
			got[step.Fault] = true
		}
		var names []string
		for n := range got {
			names = append(names, n)
		}
		slices.Sort(names)
		if !slices.Equal(names, tt.want) {
			t.Errorf("%d nodes, %v: %v, expected %v", tt.nodes, tt.abilities, names, tt.want)
		}
	}
}

func TestBadPlans(t *testing.T) {
	good := Config{Seed: 1, Faults: []string{"partition"}, Nodes: cluster.NodeNames(3), Duration: 10 * time.Second}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		err    string
	}{
		{"unknown fault", func(c *Config) { c.Faults = []string{"partion"} }, `unknown fault "partion" (did you mean "partition"?)`},
		{"one node", func(c *Config) { c.Nodes = c.Nodes[:1] }, "needs at least 2 nodes, but there are 1"},
		{"ring of three", func(c *Config) { c.Faults = []string{"partition-ring"} }, "partition-ring needs at least 4 nodes, but there are 3"},
		{"no clocks, and why", func(c *Config) {
			c.Faults, c.Abilities = []string{"clock-drift"}, []ability.Ability{ability.Restart}
			c.Lacks = func(a ability.Ability) string { return a.String() + " is fixed" }
		}, "clock-drift needs clocks that can be moved, which this target does not have: clock is fixed"},
		{"nothing is synced, and why", func(c *Config) {
			c.Faults, c.Abilities = []string{"slow-disk"}, []ability.Ability{ability.Restart}
			c.Lacks = func(ability.Ability) string { return ability.SyncsNothing("fsync", "off") }
		}, "slow-disk needs servers that sync what they write, which this target does not have: with --set fsync=off nothing is synced"},
		{"no primary", func(c *Config) { c.Faults = []string{"kill-primary"}; c.Abilities = []ability.Ability{ability.Restart} }, "kill-primary needs a primary, which this target does not have"},
		{"too short", func(c *Config) { c.Duration = 900 * time.Millisecond }, "must last at least 1s"},
		{"negative", func(c *Config) { c.Hold = -1 }, "must not be negative"},
		{"hold longer than interval", func(c *Config) { c.Hold, c.Interval = 3*time.Second, 2*time.Second }, "does not fit into an interval"},
		{"interval longer than the run", func(c *Config) { c.Interval = time.Minute }, "no window of"},
		{"lead-in longer than the run", func(c *Config) { c.Quiet = time.Minute }, "no room for faults"},
		{"unknown mode", func(c *Config) { c.Mode = "all" }, "mode is"},
		{"a node twice", func(c *Config) { c.Nodes = []string{"n1", "n1"} }, "is there twice"},
		{"a node called clients", func(c *Config) { c.Nodes = []string{"n1", cluster.Clients} }, "is no name for a node"},
	} {
		cfg := good
		tt.change(&cfg)
		_, err := NewSchedule(cfg)
		var usage *UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, expected %q", tt.name, err, tt.err)
		}
	}
	cfg := good
	cfg.Faults = nil
	if s, err := NewSchedule(cfg); err != nil || len(s.Steps) != 0 {
		t.Errorf("no faults: %v, %v", s, err)
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
		err  string
	}{
		{"", nil, ""},
		{"none", nil, ""},
		{"partition", []string{"partition"}, ""},
		{" partition , kill,pause,kill", []string{"partition", "kill", "pause"}, ""},
		{"partitoin", nil, `unknown fault "partitoin" (did you mean "partition"?); there are the lists quick, standard, thorough, the faults partition, partition-one`},
		{"kill,", nil, `unknown fault ""; there are`},
		{"none,kill", nil, `unknown fault "none"`},
		{"earthquake", nil, `unknown fault "earthquake"; there are`},
	} {
		got, err := Parse(tt.text)
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%q: %v, expected %q", tt.text, err, tt.err)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q: %v, expected %v", tt.text, got, tt.want)
		}
	}
}

func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range catalogue() {
		if k.Name == "" || k.Kind == "" || k.Summary == "" || k.MinNodes < 1 || seen[k.Name] {
			t.Errorf("%+v says too little, or is there twice", k.Info)
		}
		seen[k.Name] = true
		if mix := k.mix != nil; mix != (k.act == nil) || mix != (k.pick == nil) {
			t.Errorf("%s is neither a mix nor a fault", k.Name)
		}
		for _, part := range k.mix {
			if p, err := find(part); err != nil || p.mix != nil {
				t.Errorf("%s is a mix of %s: %v", k.Name, part, err)
			}
		}
	}
}

func TestBadSchedules(t *testing.T) {
	const head = `{"version":1,"seed":1,"mode":"mixed","nodes":["n1","n2","n3"],"faults":[],"duration_ns":1,"steps":[`
	for _, tt := range []struct{ text, err string }{
		{"", "byte 0"},
		{"[]", "cannot unmarshal array"},
		{head + "]} x", "something after its end"},
		{`{"version":2}`, "version is 2"},
		{`{"version":1,"mode":"both"}`, `mode is "both"`},
		{`{"version":1,"sed":1}`, `unknown field "sed"`},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"kil"}]}`, `step 1: unknown fault "kil" (did you mean "kill"?)`},
		{head + `{"at_ns":0,"hold_ns":0,"fault":"kill","nodes":["n1"]}]}`, "step 1: hold_ns is 0"},
		{head + `{"at_ns":-1,"hold_ns":1,"fault":"kill","nodes":["n1"]}]}`, "step 1: at_ns -1"},
		{head + `{"at_ns":5,"hold_ns":1,"fault":"kill","nodes":["n1"]},{"at_ns":4,"hold_ns":1,"fault":"kill","nodes":["n1"]}]}`, "step 2: at_ns 4"},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"kill"}]}`, "must name its nodes"},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"kill","nodes":["n9"]}]}`, `no node "n9"; there are n1, n2, n3`},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"pause","nodes":["n1","n1"]}]}`, "node n1 is there twice"},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"partition"}]}`, "is a mix"},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"partition-one"}]}`, "no link to cut"},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"partition-one","cuts":["n1-n2"]}]}`, `"n1-n2" is no link`},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"partition-one","cuts":["n1>n1"]}]}`, "is no link"},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"partition-one","cuts":["n1>n9"]}]}`, `there is no "n9"`},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"partition-one","cuts":["n1>clients"]}]}`, `there is no "clients"`},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"partition-one","cuts":["n1>n2","n1>n2"]}]}`, "there twice"},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"partition-ring","cuts":["n1>n2"]}]}`, "at least 4 nodes"},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"partition-primary","cuts":["n1>n2"]}]}`, "leave nodes and cuts out"},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"clients","cuts":["n1>n2"]}]}`, "is not between clients and a node"},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"clock","nodes":["n1"]}]}`, "offset_ns is 0"},
		{head + `{"at_ns":0,"hold_ns":1,"fault":"lag","pick":-1}]}`, "pick is -1"},
		{strings.Repeat(" ", maxSchedule+1), "longer than"},
	} {
		_, err := ReadSchedule(strings.NewReader(tt.text))
		var usage *UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%.200s: %v, expected %q", tt.text, err, tt.err)
		}
	}
	if _, err := ReadSchedule(strings.NewReader(head + `{"at_ns":0,"hold_ns":1,"fault":"partition-one","cuts":["n1>n2"]}]}`)); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

func FuzzReadSchedule(f *testing.F) {
	f.Add(`{"version":1,"mode":"mixed","nodes":["n1","n2"],"steps":[{"at_ns":0,"hold_ns":1,"fault":"partition-one","cuts":["n1>n2"]}]}`)
	f.Add(`{"version":1,"mode":"one-at-a-time","nodes":["n1"],"steps":[{"at_ns":0,"hold_ns":1,"fault":"clock","nodes":["n1"],"offset_ns":5}]}`)
	f.Add(`{`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ReadSchedule(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := ReadSchedule(strings.NewReader(written(t, s)))
		if err != nil || written(t, again) != written(t, s) {
			t.Errorf("what was read cannot be written and read again: %v", err)
		}
		// Whatever was accepted can be carried out, and comes to an end.
		for i := range s.Steps {
			k, err := find(s.Steps[i].Fault)
			if err != nil || k.act == nil || k.act(&s.Steps[i]) == nil {
				t.Errorf("step %d was accepted and cannot be carried out: %v", i+1, err)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"partition,kill", "none", "", "kil"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		names, err := Parse(text)
		for _, n := range names {
			if _, unknown := find(n); unknown != nil || err != nil {
				t.Errorf("accepted %q: %v %v", n, unknown, err)
			}
		}
	})
}

func TestCutsLinks(t *testing.T) {
	for faults, want := range map[string]bool{"partition": true, "clients": true, "kill,partition-one": true, "kill,pause,clock,lag": false} {
		s, err := NewSchedule(Config{Seed: 1, Faults: strings.Split(faults, ","), Nodes: cluster.NodeNames(3), Abilities: everything, Duration: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CutsLinks(); got != want {
			t.Errorf("%s: CutsLinks is %v", faults, got)
		}
	}
}
