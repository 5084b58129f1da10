package nemesis

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// These tests run in synctest's bubbles: time passes as soon as everybody waits,
// so that minutes of faults take no time and the order of events is the same on
// every machine.

// everything is all that any fault needs.
var everything = func() (out []ability.Ability) {
	for _, f := range All() {
		for _, a := range f.Needs {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}()

// planFor makes a schedule of one kind of fault.
func planFor(t *testing.T, nodes int, seed uint64, mode Mode, faults ...string) Schedule {
	t.Helper()
	s, err := NewSchedule(Config{
		Seed: seed, Faults: faults, Nodes: cluster.NodeNames(nodes), Abilities: everything,
		Duration: 30 * time.Second, Mode: mode, Operator: &cluster.Operator{Supervisor: &keeper{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// whole says what is still broken in a fake.
func (f *fake) whole(t *testing.T) {
	t.Helper()
	if len(f.cut) > 0 {
		t.Errorf("%d links are still cut", len(f.cut))
	}
	for _, n := range f.nodes {
		if n.State() != cluster.Running {
			t.Errorf("%s is still %s", n.name, n.State())
		}
		if n.share > 0 {
			t.Errorf("%s still has a share of %v of a processor", n.name, n.share)
		}
		for _, r := range resources {
			if n.limited[r] {
				t.Errorf("%s is still limited in %s", n.name, r)
			}
		}
	}
	for n, off := range f.clocks {
		if off != 0 {
			t.Errorf("the clock of %s is still off by %s", n, off)
		}
	}
	for _, n := range f.names {
		if f.asleep[n] || f.out[n] {
			t.Errorf("%s: its clients are paused (%t), or it is no member (%t)", n, f.asleep[n], f.out[n])
		}
	}
	for n, d := range f.deaths {
		if d.Doomed > 0 {
			t.Errorf("clients of %s are still to die", n)
		}
	}
	for n, held := range f.held {
		if held {
			t.Errorf("%s is still held back", n)
		}
	}
}

// TestEveryFaultTakesEffectAndHeals runs each fault of the catalogue, and all of them
// mixed, on an honest cluster.
func TestEveryFaultTakesEffectAndHeals(t *testing.T) {
	type run struct {
		name   string
		mode   Mode
		faults []string
	}
	var runs []run
	for _, name := range Names() {
		runs = append(runs, run{name, OneAtATime, []string{name}})
	}
	runs = append(runs, run{"all mixed", Mixed, Names()}, run{"mostly processes mixed", Mixed, []string{"kill", "pause", "kill-all"}})
	for _, r := range runs {
		t.Run(r.name, func(t *testing.T) {
			for seed := range uint64(20) {
				synctest.Test(t, func(t *testing.T) {
					f := newFake(5, lies{})
					schedule := planFor(t, 5, seed, r.mode, r.faults...)
					o := f.scene().run(t.Context(), schedule)
					if reasons := o.Reasons(); len(reasons) > 0 || len(o.Unexpected) > 0 {
						t.Fatalf("seed %d: %v %v", seed, reasons, o.Unexpected)
					}
					if r.mode == OneAtATime && len(o.Skipped) > 0 {
						t.Errorf("seed %d: left out: %v", seed, o.Skipped)
					}
					if o.Planned != len(schedule.Steps) || o.Injected+len(o.Skipped) != o.Planned || o.TookEffect != o.Injected || o.Healed != o.Injected || o.TookEffect == 0 {
						t.Errorf("seed %d: %+v", seed, o)
					}
					f.whole(t)
					checkRecord(t, f, o.Injected, r.mode)
				})
			}
		})
	}
}

// checkRecord checks what went into the history.
func checkRecord(t *testing.T, f *fake, injected int, mode Mode) {
	t.Helper()
	if len(f.faults) != injected {
		t.Fatalf("%d faults in the history, %d were injected", len(f.faults), injected)
	}
	var before history.Fault
	for id := 1; id <= injected; id++ {
		h := f.faults[id]
		if h.ID != id || h.Kind == "" || h.Name == "" || len(h.Nodes) == 0 || len(h.Proof) < 2 || h.Error != "" {
			t.Errorf("fault %d is recorded as %+v", id, h)
		}
		if h.Injected <= 0 || h.TookEffect < h.Injected || h.Healing <= h.TookEffect || h.Healed < h.Healing {
			t.Errorf("fault %d (%s): injected %d, took effect %d, healing %d, healed %d", id, h.Name, h.Injected, h.TookEffect, h.Healing, h.Healed)
		}
		if h.Injected < before.Injected {
			t.Errorf("fault %d was injected before fault %d", id, before.ID)
		}
		if mode == OneAtATime && h.Injected < before.Healed {
			t.Errorf("fault %d was injected before fault %d was healed", id, before.ID)
		}
		before = h
	}
	// Each is recorded at injection, when it took effect, when healing begins and at the end.
	count := map[int]int{}
	for _, u := range f.updates {
		count[u.ID]++
	}
	for id, n := range count {
		if n != 4 {
			t.Errorf("fault %d was recorded %d times, expected 4", id, n)
		}
	}
}

// TestLiesAreFoundOut: clusters and databases that only pretend.
func TestLiesAreFoundOut(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault string
		lies  lies
		// ineffective or unhealed is in the reason.
		ineffective, unhealed string
	}{
		{"cut does nothing", "partition-one", lies{cutNothing: true}, "arrived", ""},
		{"one link stays open", "partition-halves", lies{cutAllButOne: true}, "a probe over", ""},
		{"one link too many is cut", "partition-one", lies{cutTooMuch: true}, "more was cut than meant: clients>n1 does not pass", "peers are missing"},
		{"cut fails", "partition-one", lies{cutFails: true}, "injecting it: nf_tables", ""},
		{"no packet is dropped", "partition-one", lies{countNothing: true}, "no packet of the database was dropped on", ""},
		{"packets are counted and arrive", "partition-one", lies{countOnly: true}, "arrived", ""},
		{"probes cannot be made", "partition-one", lies{probeBreaks: true}, "no socket left", "no socket left"},
		{"clients are not cut", "clients", lies{cutNothing: true}, "a probe over", ""},
		{"heal does nothing", "partition-one", lies{healNothing: true}, "", "does not pass"},
		{"one link stays cut", "partition-one", lies{healAllButOne: true}, "", "does not pass"},
		{"a cut that ends early", "partition-one", lies{holdLost: true}, "", "the hold on n"},
		{"a pause that ends early", "pause", lies{holdLost: true}, "", "the hold on n"},
		{"no primary to isolate", "partition-primary", lies{noPrimary: true}, "finding the primary: no primary at the moment", ""},
		{"one data centre", "partition-centres", lies{oneCentre: true}, "there is one data centre", ""},
		{"the data centres are not cut", "partition-centres", lies{cutNothing: true}, "arrived", ""},
		{"an unknown primary", "kill-primary", lies{unknownPrimary: true}, `the primary is said to be "somebody"`, ""},
		{"kill does nothing", "kill", lies{killNothing: true}, "has not ended", ""},
		{"kill fails", "kill", lies{killFails: true}, "injecting it: killing", ""},
		{"the process survives", "kill", lies{killLeavesPID: true}, "is still there", ""},
		{"the process was not waited for", "kill", lies{killNotAwaited: true}, "has not ended", ""},
		{"all but kill", "kill-all", lies{killNothing: true}, "has not ended", ""},
		{"nobody is killed for the power", "power-failure", lies{killNothing: true}, "has not ended", ""},
		{"the disk cannot take back", "power-failure", lies{powerFails: true}, "taking back what n", ""},
		{"no power fails", "power-failure-all", lies{powerStays: true}, "counts 0 power failures, and 0 before", ""},
		{"something unsynced stays", "power-failure-all", lies{powerLeaves: true}, "still has something that is not synced in 1 file", ""},
		{"the disk stays whole", "disk-full", lies{diskStaysWhole: true}, "says that it is whole", ""},
		{"nothing is asked of the disk", "disk-error", lies{diskUnmet: true}, "nothing asked of the disk of n", ""},
		{"nothing is synced", "slow-disk", lies{diskUnmet: true}, "nothing asked of the disk of n", ""},
		{"no bit is flipped", "bit-flip", lies{diskUnmet: true}, "has damaged nothing", ""},
		{"the disk knows of no flip", "bit-flip", lies{diskStaysWhole: true}, "has damaged nothing", ""},
		{"nobody is killed for a flip", "bit-flip", lies{killFails: true}, "so that it reads what is damaged", ""},
		{"nothing starts after a flip", "bit-flip", lies{restartNothing: true}, "", "is stopped"},
		{"what came of a flip is not told", "bit-flip", lies{damageEndless: true}, "", "does not say what came of byte 8200 of data/log"},
		{"no write lands elsewhere", "misdirected-write", lies{diskUnmet: true}, "has damaged nothing", ""},
		{"writes go on landing elsewhere", "misdirected-write", lies{diskForever: true}, "", "is still broken"},
		{"nothing starts with a misdirected write", "misdirected-write", lies{restartNothing: true}, "", "is stopped"},
		{"the disk stays broken", "disk-error", lies{diskForever: true}, "", "is still broken"},
		{"what ended on a full disk stays so", "disk-full", lies{endsOfDisk: true, restartNothing: true}, "", "is stopped"},
		{"nothing starts after a power failure", "torn-power-failure", lies{restartNothing: true}, "", "is stopped"},
		{"restart does nothing", "kill", lies{restartNothing: true}, "", "is stopped"},
		{"restart fails", "kill", lies{restartFails: true}, "", "data directory is broken"},
		{"never in service", "kill", lies{neverReady: true}, "", "is not in service: starting up"},
		{"never in service after a cut", "partition-one", lies{neverReady: true}, "", "is not in service: starting up"},
		{"pause does nothing", "pause", lies{pauseNothing: true}, "is running", ""},
		{"resume does nothing", "pause", lies{resumeNothing: true}, "", "is paused"},
		{"the clock does not move", "clock", lies{clockStays: true}, "reads 0 s off, but should be", ""},
		{"the clock stays bent", "clock", lies{clockStaysBent: true}, "", "off, but should be 0 s off"},
		{"the clock is right after the restart", "clock-restart", lies{clockStays: true}, "reads 0 s off, but should be", ""},
		{"the clock stays back", "clock-restart", lies{clockStaysBent: true}, "", "off, but should be 0 s off"},
		{"nobody is killed for the clock", "clock-restart", lies{killNothing: true}, "it runs", ""},
		{"the clock does not drift", "clock-drift", lies{clockStays: true}, "the clock of ", ""},
		{"the clock stays where it drifted", "clock-drift", lies{clockStaysBent: true}, "", "off, but should be 0 s off"},
		{"the clock does not jump", "clock-strobe", lies{clockStays: true}, "reads 0 s off, but should be", ""},
		{"the clock stays away", "clock-strobe", lies{clockStaysBent: true}, "off, but should be 0 s off", "off, but should be 0 s off"},
		{"the replica is not held back", "lag", lies{lagNothing: true}, "says that it applies again", ""},
		{"the clients go on", "pause-clients", lies{clientsGoOn: true}, "go on (after", ""},
		{"there are no clients", "pause-clients", lies{noClients: true}, "has no clients", ""},
		{"the clients stay paused", "pause-clients", lies{clientsStay: true}, "", "are stopped"},
		{"no client dies", "client-death", lies{clientsLive: true}, "0 clients of", ""},
		{"clients die on", "client-death", lies{clientsDieOn: true}, "", "are still to die"},
		{"the token stays", "token-lost", lies{tokenStays: true}, "0 of those without what the one before carried", ""},
		{"there is no token", "token-lost", lies{carriesNothing: true}, "carry nothing that could be lost", ""},
		{"the member stays", "membership", lies{memberStays: true}, "the members are n1 n2 n3", ""},
		{"the member does not come back", "membership", lies{memberGone: true}, "", "the members are"},
		{"ranges are not split", "split-range", lies{rangesStay: true}, "the ranges begin at", ""},
		{"ranges stay split", "split-range", lies{rangesChanged: true}, "", "the ranges begin at"},
		{"ranges are not merged", "merge-ranges", lies{rangesStay: true}, "the ranges begin at", ""},
		{"ranges stay merged", "merge-ranges", lies{rangesChanged: true}, "", "the ranges begin at"},
		{"no range moves", "move-range", lies{rangesStay: true}, "the ranges begin at", ""},
		{"a range does not move back", "move-range", lies{rangesChanged: true}, "", "the ranges begin at"},
		{"no server ends", "stop-all", lies{shutdownNothing: true}, "has not ended", ""},
		{"servers stay stopped", "stop-all", lies{restartNothing: true}, "", "is stopped"},
		{"the first server does not end", "rolling-restart", lies{shutdownNothing: true}, "has not ended", ""},
		{"the others do not end", "rolling-restart", lies{rollsNoFurther: true}, "", "was not started anew"},
		{"never in service while rolling", "rolling-restart", lies{neverReady: true}, "", "is not in service"},
		{"nothing is held back", "slow", lies{shapeNothing: true}, "nothing of the database was held back", ""},
		{"round trips stay short", "slow", lies{shapeOnlyCounts: true}, "a round trip from", ""},
		{"round trips are long all the time", "slow", lies{shapeOnlyCounts: true, farApart: true}, "a round trip from", ""},
		{"links stay slow", "slow", lies{unshapeNothing: true}, "", "is still shaped"},
		{"nothing is throttled", "throttle", lies{shapeNothing: true}, "nothing of the database was held back", ""},
		{"links stay thin", "throttle", lies{unshapeNothing: true}, "", "is still shaped"},
		{"nothing is lost", "loss", lies{shapeNothing: true}, "nothing of the database was lost", ""},
		{"all is lost", "loss", lies{loseAll: true}, "nothing of the database arrived", ""},
		{"links go on losing", "loss", lies{unshapeNothing: true}, "", "is still shaped"},
		{"nothing is lost in bursts", "loss-bursts", lies{shapeNothing: true}, "nothing of the database was lost", ""},
		{"bursts without an end", "loss-bursts", lies{loseAll: true}, "nothing of the database arrived", ""},
		{"bursts go on", "loss-bursts", lies{unshapeNothing: true}, "", "is still shaped"},
		{"nothing arrives twice", "duplicate", lies{shapeNothing: true}, "nothing of the database arrived twice", ""},
		{"links go on sending twice", "duplicate", lies{unshapeNothing: true}, "", "is still shaped"},
		{"nothing overtakes", "reorder", lies{overtakeNothing: true}, "nothing of the database overtook anything", ""},
		{"what is overtaken is in time", "reorder", lies{shapeOnlyCounts: true}, "a round trip from", ""},
		{"the order stays wrong", "reorder", lies{unshapeNothing: true}, "", "is still shaped"},
		{"there is no connection", "reset", lies{resetNothing: true}, "none is open", ""},
		{"links do not go down", "flap", lies{cutNothing: true}, "were down 0 times", ""},
		{"links stay down", "flap", lies{healNothing: true}, "", "does not pass"},
		{"nothing is limited", "fd-limit", lies{limitNothing: true}, "may have 1024 open files, as before", ""},
		{"no share can be given", "cpu-limit", lies{throttleFails: true}, "read-only file system", ""},
		{"no share is given", "cpu-limit", lies{throttleNothing: true}, "has 0 % of a processor, and not", ""},
		{"some processes are not bounded", "cpu-limit", lies{throttleOutside: true}, "2 of the processes of n", ""},
		{"the share stays", "cpu-limit", lies{throttleStays: true}, "", "of a processor"},
		{"the limit leaves room", "memory-limit", lies{limitLoose: true}, "has 0.0 MiB and may have 0.0 MiB", ""},
		{"the limit stays", "fd-limit", lies{limitForever: true}, "", "may have 20 open files, and not 1024 open files as before"},
		{"what the limit refused cannot be read", "fd-limit", lies{limitUncounted: 1 << 30}, "", "reading logs: permission denied"},
		{"what ended of its limit stays stopped", "memory-limit", lies{endsOfLimit: true, restartNothing: true}, "", "is stopped"},
		{"nobody is killed for a slow start", "slow-start", lies{killNothing: true}, "has not ended", ""},
		{"it starts at once", "slow-start", lies{startsAtOnce: true}, "is running, as process", ""},
		{"the slow one is never in service", "slow-start", lies{neverReady: true}, "", "is not in service: starting up"},
		{"the first starts at once", "rolling-slow-start", lies{startsAtOnce: true}, "is running, as process", ""},
		{"the others start at once", "rolling-slow-start", lies{othersAtOnce: true}, "", "was not seen to start slowly"},
		{"the others do not end for a slow start", "rolling-slow-start", lies{rollsNoFurther: true}, "", "was not started anew"},
		{"an order is refused", "switchover", lies{orderRefused: true}, "no good candidates", ""},
		{"the pooler goes on", "kill-pooler", lies{poolerLives: true}, "lets clients through", ""},
		{"the pooler stays away", "kill-pooler", lies{poolerStays: true}, "", "connection refused"},
		{"the server is away too", "kill-pooler", lies{serverShut: true}, "does not answer either", ""},
		{"nobody takes over", "switchover", lies{orderNothing: true}, "before, n1 led on timeline 1", ""},
		{"the manager restarts nothing", "restart-server", lies{orderNothing: true}, "as before", ""},
		{"nothing is copied anew", "reinitialize", lies{orderNothing: true}, "is running", ""},
		{"the copy is never in service", "reinitialize", lies{staysOut: true}, "", "is creating replica"},
		{"the replica stays held back", "lag", lies{lagForever: true}, "", "says that it is held back"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(3, tt.lies)
				o := f.scene().run(t.Context(), planFor(t, 3, 3, OneAtATime, tt.fault))
				check := func(what string, got []Trouble, want string) {
					t.Helper()
					if want == "" {
						if len(got) > 0 {
							t.Errorf("%s: %v, expected none", what, got)
						}
						return
					}
					if len(got) == 0 {
						t.Fatalf("%s: none, expected %q; outcome %+v", what, want, o)
					}
					if !strings.Contains(got[0].Reason, want) {
						t.Errorf("%s: %q, expected %q", what, got[0].Reason, want)
					}
					for _, trouble := range got {
						if !inHistory(f.faults, trouble.Reason) {
							t.Errorf("%s: %q is not in the history, from which the verdict is given: %+v", what, trouble.Reason, f.faults)
						}
					}
					if !slices.ContainsFunc(o.Reasons(), func(r string) bool { return strings.Contains(r, want) }) {
						t.Errorf("the run would not be inconclusive: %v", o.Reasons())
					}
				}
				check("without effect", o.Ineffective, tt.ineffective)
				check("unhealed", o.Unhealed, tt.unhealed)
				for id, h := range f.faults {
					if h.Kind == "cluster" { // what is said of all nodes when all faults are over
						continue
					}
					if (tt.ineffective != "") != (h.TookEffect == 0) || (tt.unhealed != "") != (h.Healed == 0) {
						t.Errorf("fault %d: took effect %d, healed %d, error %q", id, h.TookEffect, h.Healed, h.Error)
					}
					if h.Error == "" || h.Healing == 0 {
						t.Errorf("fault %d: no error in the history, or no healing: %+v", id, h)
					}
				}
			})
		})
	}
}

// inHistory tells whether a fault that did not do all that it should says reason.
func inHistory(faults map[int]history.Fault, reason string) bool {
	for _, f := range faults {
		if (f.TookEffect == 0 || f.Healed == 0) && strings.Contains(f.Error, reason) {
			return true
		}
	}
	return false
}

// A database with an operator of its own starts a killed node before we look:
// the kill has happened all the same.
func TestKilledAndRestartedByTheDatabaseItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3, lies{operatorRestarts: true})
		o := f.scene().run(t.Context(), planFor(t, 3, 1, OneAtATime, "kill"))
		if len(o.Reasons()) > 0 || o.TookEffect != o.Planned {
			t.Errorf("%+v", o)
		}
	})
}

// A joiner that gives up is started again by the database, if it is asked whether the joiner serves; one that gives up each
// time is told.
func TestJoinerGivesUp(t *testing.T) {
	for fails, whole := range map[int]bool{0: true, 1: true, 3: true, 1 << 30: false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{joinFails: fails})
			o := f.scene().run(t.Context(), planFor(t, 3, 1, OneAtATime, faults.Membership))
			if got := len(o.Reasons()) == 0 && o.Healed == o.Planned; got != whole || o.TookEffect == 0 {
				t.Errorf("gives up %d times: %+v, %v", fails, o, o.Reasons())
			}
			if whole {
				f.whole(t)
			}
		})
	}
}

// Each server of a rolling restart may take as long to be in service as one that is restarted alone.
func TestRollingTakesLongerThanOne(t *testing.T) {
	for _, fault := range []string{"rolling-restart", "rolling-slow-start"} {
		for after, whole := range map[time.Duration]bool{time.Minute: true, 2 * time.Minute: false} {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(3, lies{})
				f.readyAfter = after
				o := f.scene().run(t.Context(), planFor(t, 3, 1, OneAtATime, fault))
				if got := o.TookEffect > 0 && o.Healed == o.TookEffect; got != whole {
					t.Errorf("%s, in service after %v: %+v", fault, after, o)
				}
			})
		}
	}
}

// A process that ends of its limit shows that it took effect, and is started again.
func TestEndsOfItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3, lies{endsOfLimit: true})
		o := f.scene().run(t.Context(), planFor(t, 3, 1, OneAtATime, "memory-limit"))
		if len(o.Reasons()) > 0 || len(o.Unexpected) > 0 || o.TookEffect != o.Planned || !strings.Contains(strings.Join(f.faults[1].Proof, " "), "has ended under its limit") {
			t.Errorf("%+v %+v", o, f.faults[1])
		}
		f.whole(t)
	})
}

// What a limit refused is counted, and it is said where that is nothing; one that was not lifted
// is lifted again.
func TestLimitIsRunInto(t *testing.T) {
	for _, c := range []struct {
		lies  lies
		met   int
		proof string
	}{
		{lies{}, 5, "say in 2 lines"},
		{lies{limitUncounted: 1}, 5, "say in 2 lines"},
		{lies{limitUnread: true}, 5, "say in at least 2 lines"},
		{lies{limitUnmet: true, limitUnread: true}, 0, "in what was read of its logs"},
		{lies{limitStaysOnce: true}, 5, "who wait to be accepted: 3 connections"},
		{lies{limitUnmet: true}, 0, "was not seen to run into"},
		{lies{limitUnmet: true, endsOfLimit: true}, 1, "has ended under its limit"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, c.lies)
			o := f.scene().run(t.Context(), planFor(t, 3, 1, OneAtATime, "fd-limit"))
			got := f.faults[1]
			if len(o.Reasons()) > 0 || got.Met == nil || *got.Met != c.met || !strings.Contains(strings.Join(got.Proof, "; "), c.proof) {
				t.Errorf("%+v: %+v %+v", c.lies, o, got)
			}
			f.whole(t)
		})
	}
}

// How often a share of a processor was used up is counted, and so it is where that is never.
func TestShareIsCounted(t *testing.T) {
	for idle, met := range map[bool]int{false: 12, true: 0} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{throttleIdle: idle})
			o := f.scene().run(t.Context(), planFor(t, 3, 1, OneAtATime, "cpu-limit"))
			got := f.faults[1]
			if len(o.Reasons()) > 0 || got.Met == nil || *got.Met != met || !strings.Contains(strings.Join(got.Proof, "; "), "in 30 periods n") {
				t.Errorf("idle %t: %+v %+v", idle, o, got)
			}
			f.whole(t)
		})
	}
}

// A limit is lifted although what it refused cannot be counted, which stays an error, and the
// process that has ended of it is started again.
func TestLimitIsLiftedUncounted(t *testing.T) {
	for _, ends := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{limitUncounted: 1, endsOfLimit: ends})
			s := f.scene()
			k, err := find("fd-limit")
			if err != nil {
				t.Fatal(err)
			}
			fault := history.Fault{}
			a := k.act(&Step{Fault: "fd-limit", Nodes: []string{"n1"}})
			if err := errors.Join(a.aim(t.Context(), s, &fault), a.inject(t.Context(), s)); err != nil {
				t.Fatal(err)
			}
			if err := a.heal(t.Context(), s); err == nil || !strings.Contains(err.Error(), "reading logs") || fault.Met != nil {
				t.Errorf("%v %+v", err, fault)
			}
			f.whole(t)
		})
	}
}

func TestNodeThatDiedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3, lies{})
		for _, n := range f.nodes {
			if err := n.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		o := f.scene().run(t.Context(), planFor(t, 3, 1, OneAtATime, "pause"))
		if len(o.Ineffective) != o.Planned || !strings.Contains(o.Ineffective[0].Reason, "was stopped before, though no fault had done that") {
			t.Errorf("without effect: %v", o.Ineffective)
		}
		if len(o.Unexpected) != 3 {
			t.Errorf("unexpected: %v", o.Unexpected)
		}
		if o.Injected > 0 || !inHistory(f.faults, "could not be injected: "+o.Ineffective[0].Reason) {
			t.Errorf("%d were injected; the history has %+v", o.Injected, f.faults)
		}
	})
}

// TestKeeperActsLate: a failover manager may fence a primary when the fault that it saw is over, and make it a standby anew. That is waited
// for; one that stays down is told of.
func TestKeeperActsLate(t *testing.T) {
	for takes, whole := range map[time.Duration]bool{3 * time.Second: true, time.Hour: false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{kept: true})
			s := f.scene()
			r := &runner{scene: s}
			if err := f.nodes["n1"].Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				if sleep(ctx, takes) {
					_ = f.Restart(ctx, "n1") // what is wrong is seen by its state
				}
			}()
			r.tally.Injected = 1
			r.unexpected(t.Context())
			if o := r.tally; (len(o.Unexpected) == 0) != whole {
				t.Errorf("made anew in %s: unexpected %v", takes, o.Unexpected)
			}
		})
	}
}

// TestSlowToAnswer: that a distant node does not answer is no proof that it does not run, and it is waited for. One that is seen to be
// paused is told of at once.
func TestSlowToAnswer(t *testing.T) {
	for _, c := range []struct {
		distant bool
		takes   time.Duration
		want    string
	}{
		{true, 3 * time.Second, ""},
		{true, time.Hour, "was not found running (n1 does not answer) after all faults were over"},
		{false, 3 * time.Second, "was found paused after all faults were over"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{distant: c.distant})
			s := f.scene()
			began := time.Now()
			s.System = byTime{f, began, func(ctx context.Context, node string, at time.Duration) error {
				if node == "n1" && at < c.takes {
					return errors.New("no answer")
				}
				return f.nodes[node].Resume(ctx)
			}}
			r := &runner{scene: s}
			if err := f.nodes["n1"].Pause(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.tally.Injected = 1
			r.unexpected(t.Context())
			got := ""
			for _, o := range r.tally.Unexpected {
				got += o.Reason
			}
			if got != c.want || !c.distant && time.Since(began) > 0 {
				t.Errorf("distant %t, answers after %s: %q after %s, want %q", c.distant, c.takes, got, time.Since(began), c.want)
			}
		})
	}
}

// byTime is a database whose nodes are in service as its function says, by the time since it began.
type byTime struct {
	*fake
	began time.Time
	ready func(ctx context.Context, node string, at time.Duration) error
}

func (b byTime) Ready(ctx context.Context, node string) error {
	return b.ready(ctx, node, time.Since(b.began))
}

// TestReadyAllAtATime: a node that was in service may have gone when the last one comes. That is waited for, for as long as it may
// take in all, also where the node does not answer any more.
func TestReadyAllAtATime(t *testing.T) {
	away := errors.New("fenced")
	for name, c := range map[string]struct {
		later func(ctx context.Context, node string, at time.Duration) error
		whole bool
	}{
		"comes again": {func(_ context.Context, node string, at time.Duration) error {
			if node == "n1" && at < 3*time.Second {
				return away
			}
			return nil
		}, true},
		"stays away": {func(_ context.Context, node string, _ time.Duration) error {
			if node == "n1" {
				return away
			}
			return nil
		}, false},
		"hangs": {func(ctx context.Context, node string, _ time.Duration) error {
			if node == "n1" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := byTime{fake: newFake(3, lies{}), began: time.Now()}
				b.ready = func(ctx context.Context, node string, at time.Duration) error {
					switch {
					case at >= time.Second:
						return c.later(ctx, node, at)
					case node == "n2":
						return errors.New("starting up")
					}
					return nil
				}
				s := b.scene()
				s.System = b
				missing := s.ready(t.Context(), s.nodes, 20*time.Second)
				if (len(missing) == 0) != c.whole {
					t.Errorf("missing: %v", missing)
				}
				if c.whole && b.Ready(t.Context(), "n1") != nil {
					t.Error("n1 is away, and all is said to be in service")
				}
			})
		})
	}
}

// TestEndOfLoadHealsAtOnce cancels at every moment of a schedule.
func TestEndOfLoadHealsAtOnce(t *testing.T) {
	for _, mode := range []Mode{OneAtATime, Mixed} {
		for at := 500 * time.Millisecond; at < 31*time.Second; at += 700 * time.Millisecond {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(5, lies{})
				ctx, cancel := context.WithTimeout(t.Context(), at)
				defer cancel()
				o := f.scene().run(ctx, planFor(t, 5, 11, mode, Names()...))
				if o.Injected > 0 && len(o.Reasons()) > 0 {
					t.Fatalf("cancelled at %s: %v", at, o.Reasons())
				}
				if o.Injected+len(o.Skipped) != o.Planned || o.Healed != o.Injected {
					t.Errorf("cancelled at %s: %+v", at, o)
				}
				if took := time.Since(f.began); took > at+5*time.Second {
					t.Errorf("cancelled at %s, but over only at %s", at, took)
				}
				f.whole(t)
			})
		}
	}
}

// A fault that heals slowly delays the next one, and what would begin after the
// end of the load is left out.
func TestSlowHealingDelaysTheNextFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3, lies{})
		f.readyAfter = 12 * time.Second
		schedule := planFor(t, 3, 5, OneAtATime, "kill")
		o := f.scene().run(t.Context(), schedule)
		if len(o.Reasons()) > 0 || o.Injected == o.Planned || len(o.Skipped) == 0 {
			t.Errorf("%+v", o)
		}
		for _, s := range o.Skipped {
			if !strings.Contains(s.Reason, "the load ended") {
				t.Errorf("left out: %s", s)
			}
		}
		checkRecord(t, f, o.Injected, OneAtATime)
	})
}

// TestOverlap puts faults on top of each other by hand.
func TestOverlap(t *testing.T) {
	step := func(at, hold time.Duration, fault string, nodes ...string) Step {
		s := Step{At: at, Hold: hold, Fault: fault, Nodes: nodes}
		if strings.HasPrefix(fault, "partition") {
			isolate(nodes[0], cluster.NodeNames(3), &s)
		}
		return s
	}
	run := func(t *testing.T, f *fake, steps ...Step) Tally {
		s := Schedule{Version: 1, Mode: Mixed, Nodes: cluster.NodeNames(3), Duration: time.Minute, Steps: steps}
		return f.scene().run(t.Context(), s) // also what a written schedule is refused for: a primary may be found on such a node
	}
	t.Run("a link stays cut until the last fault of it is healed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{})
			go func() {
				time.Sleep(6 * time.Second) // n1 was healed at 5 s, n2 will be at 8 s
				f.mu.Lock()
				defer f.mu.Unlock()
				for _, l := range cluster.Both("n1", "n2") {
					if _, cut := f.cut[l]; !cut {
						t.Errorf("%s is open although n2 is isolated", l)
					}
				}
				for _, l := range cluster.Both("n1", "n3") {
					if _, cut := f.cut[l]; cut {
						t.Errorf("%s is cut although no fault cuts it any more", l)
					}
				}
			}()
			o := run(t, f, step(time.Second, 4*time.Second, "partition-one", "n1"), step(3*time.Second, 5*time.Second, "partition-one", "n2"))
			if len(o.Reasons()) > 0 || o.Healed != 2 {
				t.Errorf("%+v", o)
			}
			f.whole(t)
			// The first was not over before the second was: no node was in
			// service that shared a cut link.
			if f.faults[1].Healed < f.faults[2].Healing {
				t.Errorf("fault 1 was over at %d although fault 2 lasted until %d", f.faults[1].Healed, f.faults[2].Healing)
			}
		})
	})
	t.Run("an order is refused until another fault is over", func(t *testing.T) {
		for _, order := range []string{"switchover", "restart-server", "reinitialize"} {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(3, lies{refusedWhileCut: true})
				f.readyAfter = 2 * time.Second
				nodes := []string{"n2"}
				if order != "restart-server" {
					nodes = f.names
				}
				o := run(t, f, step(time.Second, 8*time.Second, "partition-one", "n3"), step(3*time.Second, time.Second, order, nodes...))
				if len(o.Reasons()) > 0 || o.TookEffect != 2 || o.Healed != 2 {
					t.Errorf("%s: %+v", order, o)
				}
				if f.faults[2].TookEffect < f.faults[1].Healing {
					t.Errorf("%s took effect at %d, and was refused until %d", order, f.faults[2].TookEffect, f.faults[1].Healing)
				}
			})
		}
	})
	t.Run("a dead node is not paused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{})
			o := run(t, f, step(time.Second, 5*time.Second, "kill", "n1"), step(3*time.Second, time.Second, "pause", "n1"))
			if len(o.Reasons()) > 0 || len(o.Skipped) != 1 || !strings.Contains(o.Skipped[0].Reason, "in the hands of another fault (kill n1)") {
				t.Errorf("%+v", o)
			}
			if slices.Contains(f.calls, "pause n1") {
				t.Error("it was paused all the same")
			}
			f.whole(t)
		})
	})
	t.Run("the primary that is paused is not killed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{})
			o := run(t, f, step(time.Second, 5*time.Second, "pause", "n1"), step(3*time.Second, time.Second, "kill-primary"))
			// The fake's primary is the first node that runs.
			if len(o.Reasons()) > 0 || o.TookEffect != 2 || f.faults[2].Nodes[0] != "n2" {
				t.Errorf("%+v %+v", o, f.faults)
			}
			f.whole(t)
		})
	})
	t.Run("what is over is over, whatever else goes on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{})
			o := run(t, f, step(time.Second, 20*time.Second, "pause", "n1"), step(2*time.Second, 2*time.Second, "kill", "n2"))
			if len(o.Reasons()) > 0 || o.Healed != 2 {
				t.Errorf("%+v", o)
			}
			if kill := f.faults[2]; kill.Healed > history.Time(6*time.Second) {
				t.Errorf("the killed node was in service soon after 4 s, and the fault is over at %s", time.Duration(kill.Healed))
			}
		})
	})
	t.Run("kill in a partition", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{})
			o := run(t, f, step(time.Second, 6*time.Second, "partition-one", "n1"), step(2*time.Second, 2*time.Second, "kill", "n1"))
			if len(o.Reasons()) > 0 || o.TookEffect != 2 || o.Healed != 2 {
				t.Errorf("%+v", o)
			}
			f.whole(t)
		})
	})
	t.Run("nothing but what was skipped", func(t *testing.T) {
		o := Tally{Planned: 2, Skipped: []Trouble{{Name: "kill"}, {Name: "pause"}}}
		if len(o.Reasons()) != 1 {
			t.Errorf("a run without any fault is not inconclusive: %v", o.Reasons())
		}
	})
}

func TestHealAll(t *testing.T) {
	breakAll := func(t *testing.T, f *fake) {
		t.Helper()
		ctx := t.Context()
		if err := f.Cut(ctx, cluster.Both("n1", "n2")...); err != nil {
			t.Fatal(err)
		}
		if err := f.nodes["n1"].Kill(ctx); err != nil {
			t.Fatal(err)
		}
		if err := f.nodes["n2"].Pause(ctx); err != nil {
			t.Fatal(err)
		}
		f.clocks["n3"] = time.Minute
		f.held["n3"] = true
	}
	t.Run("whatever was broken, and twice", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{})
			breakAll(t, f)
			for range 2 {
				if err := newScene(Stage{Cluster: f, System: f, Log: f}).healAll(t.Context()); err != nil {
					t.Error(err)
				}
				f.whole(t)
			}
		})
	})
	t.Run("a node that takes no order yet", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{catchUpLate: 5})
			breakAll(t, f)
			if err := newScene(Stage{Cluster: f, System: f, Log: f}).healAll(t.Context()); err != nil {
				t.Error(err)
			}
			f.whole(t)
		})
	})
	const link, ended, bent = "probing the network: n1>n2 does not pass", "n1 was started 5 times and ended at once each time", "the clock of n3: it reads +1 min off"
	for _, tt := range []struct {
		name string
		lies lies
		// time is how much there is for it: with none left nobody looks what else is broken.
		time      time.Duration
		says, not []string
	}{
		{"network", lies{healNothing: true}, 5 * time.Second, []string{link, "n1 is not in service: peers are missing"}, nil},
		{"process", lies{restartFails: true}, 5 * time.Second, []string{"starting n1 again"}, []string{"probing", "not in service"}},
		{"paused", lies{resumeNothing: true}, 5 * time.Second, []string{"n2 is paused"}, []string{"probing", "not in service"}},
		{"clock", lies{clockStaysBent: true}, 5 * time.Second, []string{bent}, []string{"probing", "not in service"}},
		{"clock and network", lies{clockStaysBent: true, healNothing: true}, 5 * time.Second, []string{bent}, []string{"probing", "not in service"}},
		{"replica", lies{lagForever: true, neverReady: true}, 5 * time.Second, []string{"n3 is not in service"}, nil},
		{"no start in time", lies{restartNothing: true, healNothing: true}, 5 * time.Second, []string{"waiting for n1 to run again"}, []string{"probing", "not in service"}},
		{"no start at all", lies{restartNothing: true, healNothing: true}, time.Minute, []string{ended, link}, nil},
		{"no start at all, links whole", lies{restartNothing: true}, time.Minute, []string{ended, "n1 is not in service"}, []string{"probing"}},
	} {
		t.Run("says what is not healed: "+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(3, tt.lies)
				breakAll(t, f)
				ctx, cancel := context.WithTimeout(t.Context(), tt.time)
				defer cancel()
				err := newScene(Stage{Cluster: f, System: f, Log: f}).healAll(ctx)
				if err == nil {
					t.Fatal("it says that all is healed")
				}
				for _, text := range tt.says {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("it says nothing of %q: %v", text, err)
					}
				}
				for _, text := range tt.not {
					if strings.Contains(err.Error(), text) {
						t.Errorf("it says %q: %v", text, err)
					}
				}
			})
		})
	}
}

// bare is a cluster without a database that can be asked anything.
func TestWithoutAbilities(t *testing.T) {
	f := newFake(3, lies{})
	stage := Stage{Cluster: f, Log: f}
	for fault, want := range map[string]string{
		"kill":              "needs nodes that can be started again",
		"partition-primary": "needs a primary",
		"clock":             "needs clocks that can be moved",
		"lag":               "needs replicas that can be held back",
		"partition-centres": "needs more than one data centre",
	} {
		_, err := Run(t.Context(), stage, planFor(t, 3, 1, OneAtATime, fault))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %q", fault, err, want)
		}
	}
	if _, err := Run(t.Context(), stage, planFor(t, 5, 1, OneAtATime, "partition-one")); err == nil || !strings.Contains(err.Error(), "this cluster has n1, n2, n3") {
		t.Errorf("a schedule for five nodes on three: %v", err)
	}
	if len(f.updates) > 0 || len(f.calls) > 0 {
		t.Error("something was done all the same")
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3, lies{})
		o, err := Run(t.Context(), Stage{Cluster: f, Log: f}, planFor(t, 3, 1, OneAtATime, "partition-one", "pause"))
		if err != nil || len(o.Reasons()) > 0 || o.TookEffect != o.Planned {
			t.Errorf("faults that need nothing: %+v %v", o, err)
		}
	})
}
