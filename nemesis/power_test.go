package nemesis

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// TestPowerFailures: what the proof says, by what the disks had to take back, and that what was
// there before the load counts as synced.
func TestPowerFailures(t *testing.T) {
	for _, c := range []struct {
		name, fault string
		lies        lies
		proof, why  string
	}{
		{"something was not synced", "power-failure", lies{}, "lost 34.0 KiB in 2 files that were not synced, data/log among them (120 writes, 118 syncs until then)", ""},
		{"all was synced", "power-failure", lies{allSynced: true}, "lost nothing: all that it had written was synced (120 writes, 118 syncs until then)", ""},
		{"some survives", "torn-power-failure", lies{}, "of 9 blocks 0 survived and 0 in part", ""},
		{"what was there before cannot be synced", "power-failure", lies{diskUnsettled: true}, "lost 34.0 KiB", "syncing the disk of n1: broken pipe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, _, o := carryOutOne(t, c.fault, c.lies)
				if proof := strings.Join(f.faults[len(f.faults)].Proof, "; "); !strings.Contains(proof, c.proof) {
					t.Errorf("the proof is %q, want %q in it", proof, c.proof)
				}
				if (c.why == "") != (len(o.Ineffective) == 0) || c.why != "" && !strings.Contains(o.Ineffective[0].Reason, c.why) {
					t.Errorf("without effect: %v, want %q", o.Ineffective, c.why)
				}
				if c.why != "" && !inHistory(f.faults, c.why) {
					t.Errorf("the history does not have it: %+v", f.faults)
				}
				if first := strings.Join(f.calls[:3], "; "); strings.Count(first, "settle") != 3 {
					t.Errorf("it began with %s", first)
				}
				torn := c.fault == "torn-power-failure"
				for _, call := range f.calls {
					if strings.HasPrefix(call, "power failure") && strings.HasSuffix(call, "torn true") != torn {
						t.Errorf("%s: %s", c.fault, call)
					}
				}
			})
		})
	}
}

// carryOutOne carries one fault out on three nodes that lie so; it wants a bubble of synctest.
func carryOutOne(t *testing.T, fault string, l lies) (*fake, Schedule, Tally) {
	t.Helper()
	f := newFake(3, l)
	schedule, err := NewSchedule(Config{Seed: 3, Faults: []string{fault}, Nodes: f.names, Abilities: everything, Duration: 8 * time.Second, Interval: 6 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return f, schedule, f.scene().run(t.Context(), schedule)
}

// TestCapabilitiesAreNeeded: schedules that differ in what is broken, and in where nodes are.
func TestCapabilitiesAreNeeded(t *testing.T) {
	disks := []cluster.Capability{cluster.Disks}
	for _, c := range []struct {
		faults   []string
		unmet    cluster.Capability
		external bool
		err      string
		needs    []cluster.Capability
	}{
		{[]string{"kill-all"}, nil, false, "", nil},
		{[]string{"kill-all"}, cluster.Disks, false, "", nil},
		{[]string{"kill", "power-failure"}, nil, false, "", disks},
		{[]string{"kill", "power-failure"}, cluster.Throttles, false, "", disks},
		{[]string{"kill", "power-failure"}, cluster.Disks, false, "fault power-failure needs disks that lapse can break, which only others have", nil},
		{[]string{"power-failure"}, cluster.Disks, true, "lapse has no hold of disks that it did not make: use kill", nil},
		{[]string{"slow"}, cluster.HoldsBack, false, "fault slow needs links on which lapse can hold back what is sent, which only others have", nil},
		{[]string{"slow"}, cluster.HoldsBack, true, "it takes a network of lapse's own", nil},
		{[]string{"reorder"}, cluster.Loses, false, "", []cluster.Capability{cluster.HoldsBack, cluster.Reorders}},
		{[]string{"power-failure", "cpu-limit", "disk-full", "slow"}, nil, false, "", []cluster.Capability{cluster.Disks, cluster.Throttles, cluster.HoldsBack}},
	} {
		unmet := func(need cluster.Capability) string {
			if need == c.unmet {
				return "which only others have"
			}
			return ""
		}
		s, err := NewSchedule(Config{Faults: c.faults, Nodes: cluster.NodeNames(2), Abilities: everything, Unmet: unmet, External: c.external, Duration: 20 * time.Second})
		got := s.Capabilities()
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || len(got) != len(c.needs) || cluster.Lacking(got, c.needs) != nil {
			t.Errorf("%v needs %v, %v; want %v, %q", c.faults, got, err, c.needs, c.err)
		}
	}
}

// TestCapabilitiesAreTold: each that a fault needs has a word and what is said of it of its own.
func TestCapabilitiesAreTold(t *testing.T) {
	told := map[string]bool{}
	for _, c := range Capabilities() {
		for _, text := range []string{c.String(), c.Meaning(), c.Use()} {
			if text == "" || told[text] {
				t.Errorf("%v: %q says nothing of its own", c, text)
			}
			told[text] = true
		}
	}
	if len(told) == 0 {
		t.Error("no fault needs anything")
	}
}

// TestPowerFails: of all faults those that take from nodes what was not synced are told apart.
func TestPowerFails(t *testing.T) {
	for fault, want := range map[string]bool{faults.PowerFailureAll: true, "power-failure": true, "torn-power-failure": true, faults.KillAll: false, faults.Clock: false} {
		s := Schedule{Steps: []Step{{Fault: faults.Kill}, {Fault: fault}}}
		if got := s.PowerFails(); got != want {
			t.Errorf("with %s the power fails: %t, want %t", fault, got, want)
		}
	}
	if (Schedule{}).PowerFails() {
		t.Error("without faults the power fails")
	}
}

// TestRestarts: of all faults those that may have a server end and come back are told apart.
func TestRestarts(t *testing.T) {
	for fault, want := range map[string]bool{
		faults.Kill: true, "power-failure": true, "rolling-restart": true, "memory-limit": true, "membership": true, "disk-full": true, "reschedule": true, "evict": true, "slow-disk": true,
		faults.Pause: false, faults.Partition: false, "lag": false, faults.Clock: false, "cpu-limit": false, "flap": false, "kill-pooler": false, "client-death": false,
	} {
		s := Schedule{Steps: []Step{{Fault: "slow"}, {Fault: fault}}}
		if got := s.Restarts(); got != want {
			t.Errorf("with %s servers come back: %t, want %t", fault, got, want)
		}
	}
}

// TestBrokenDisks: what is told of a disk that was broken, by what its database did.
func TestBrokenDisks(t *testing.T) {
	for _, c := range []struct {
		name, fault string
		lies        lies
		proof       string
		met         int
	}{
		{"a full disk", "disk-full", lies{}, "got no more space 3 times", 3},
		{"a full disk that nobody noticed", "disk-full", lies{diskUnmet: true}, "got no more space 0 times", 0},
		{"errors", "disk-error", lies{}, "failed with EIO", -1},
		{"errors of which the process ends", "disk-error", lies{endsOfDisk: true}, "has ended on its broken disk", -1},
		{"a slow disk", "slow-disk", lies{}, "3 syncs of n", -1},
		{"a server that does not serve afterwards", "slow-disk", lies{neverReady: true}, "it was started anew, because it did not serve on the whole disk by itself: n", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, _, o := carryOutOne(t, c.fault, c.lies)
				if len(o.Ineffective) > 0 || !c.lies.neverReady && len(o.Unhealed) > 0 {
					t.Errorf("without effect %v, unhealed %v", o.Ineffective, o.Unhealed)
				}
				got := f.faults[1]
				if proof := strings.Join(got.Proof, "; "); !strings.Contains(proof, c.proof) {
					t.Errorf("the proof is %q, want %q in it", proof, c.proof)
				}
				if (got.Met == nil) != (c.met < 0) || got.Met != nil && *got.Met != c.met {
					t.Errorf("met %v, want %d", got.Met, c.met)
				}
			})
		})
	}
}

// TestDamages: what is told of what a disk did to a file, and what came of it.
func TestDamages(t *testing.T) {
	flip := "byte 8200 of data/log was 0x41 and is 0x40"
	for _, c := range []struct {
		name, fault string
		lies        lies
		proof       []string
	}{
		{"a flip that was read", "bit-flip", lies{}, []string{flip, "was killed and started with it", "at the end of it n2 served", "byte 8200 of data/log: put back; 2 requests of n"}},
		{"a flip that nobody read", "bit-flip", lies{damageUnread: true}, []string{flip, "put back; nobody has read it"}},
		{"a flip with which nobody serves", "bit-flip", lies{neverReady: true}, []string{flip, "at the end of it n2 is not in service"}},
		{"a flip that was overwritten", "bit-flip", lies{damageOver: true}, []string{flip, "overwritten meanwhile; 2 requests of n"}},
		{"a misdirected write", "misdirected-write", lies{}, []string{"100 bytes meant for 4096 of data/log landed at 8192, so that byte 8200 was 0x41 and is 0x40", "what was damaged stays; 2 requests"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, schedule, o := carryOutOne(t, c.fault, c.lies)
				if len(o.Reasons()) > 0 && !c.lies.neverReady {
					t.Error(o.Reasons())
				}
				got := strings.Join(f.faults[1].Proof, "; ")
				for _, want := range c.proof {
					if !strings.Contains(got, want) {
						t.Errorf("the proof is %q, want %q in it", got, want)
					}
				}
				if !schedule.Blameless() {
					t.Error("it is told what is promised")
				}
			})
		})
	}
}

// TestNobodySyncs: of a database that syncs nothing the disk is drawn to fail writes alone, and a written schedule that has it fail
// syncs is refused with the setting, before the run and when it is carried out. The pairs differ in the ability.
func TestNobodySyncs(t *testing.T) {
	cfg := Config{Faults: []string{"disk-error"}, Nodes: cluster.NodeNames(3), Duration: time.Minute, Abilities: []ability.Ability{ability.Restart, ability.Sync},
		Lacks: func(ability.Ability) string { return ability.SyncsNothing("fsync", "off") }}
	for _, syncs := range []bool{true, false} {
		picks := map[int]bool{}
		for seed := range uint64(20) {
			cfg.Seed = seed
			s, err := NewSchedule(cfg)
			if err != nil || len(s.Steps) < 3 {
				t.Fatalf("seed %d: %d faults, %v", seed, len(s.Steps), err)
			}
			for _, step := range s.Steps {
				picks[step.Pick] = true
			}
		}
		if !picks[0] || picks[1] != syncs {
			t.Errorf("it syncs: %v; drawn were %v", syncs, picks)
		}
		for pick := range 3 {
			s := Schedule{Version: scheduleVersion, Mode: OneAtATime, Nodes: cfg.Nodes, Duration: time.Minute, Faults: cfg.Faults,
				Steps: []Step{{Fault: "disk-error", Hold: time.Second, Nodes: []string{"n1"}, Pick: pick}}}
			_, err := Take(s, cfg)
			if refused := err != nil && strings.Contains(err.Error(), "with --set fsync=off nothing is synced"); refused != (pick == 1 && !syncs) || refused != (err != nil) {
				t.Errorf("it syncs: %v, pick %d: %v", syncs, pick, err)
			}
		}
		cfg.Abilities = cfg.Abilities[:1]
	}
}

// TestDiskSteps: steps of a schedule that was written by hand.
func TestDiskSteps(t *testing.T) {
	for _, c := range []struct {
		fault string
		pick  int
		ok    bool
	}{{"disk-error", 1, true}, {"disk-error", 2, true}, {"disk-error", 3, false}, {"disk-error", -1, false}, {"slow-disk", 2, true}, {"disk-full", 0, true}, {"disk-full", 1, false}} {
		s := Schedule{Version: scheduleVersion, Mode: OneAtATime, Nodes: []string{"n1"}, Steps: []Step{{Fault: c.fault, Hold: time.Second, Nodes: []string{"n1"}, Pick: c.pick}}}
		if err := s.Validate(); (err == nil) != c.ok {
			t.Errorf("%s with pick %d: %v", c.fault, c.pick, err)
		}
	}
}
