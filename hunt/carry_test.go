package hunt

import (
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
)

// TestWeakest: of models that were violated together the weakest is the finding, and one
// that only follows another has no kinds of its own.
func TestWeakest(t *testing.T) {
	violated := func(model, follows string, anomalies ...string) checkers.Verdict {
		v := checkers.Verdict{Model: model, Status: checkers.Violated, Follows: follows}
		for _, a := range anomalies {
			v.Violations = append(v.Violations, checkers.Violation{Model: model, Anomaly: a})
		}
		return v
	}
	for _, c := range []struct {
		name     string
		verdicts []checkers.Verdict
		want     []Kind
		others   int
	}{
		{"one", []checkers.Verdict{violated(models.Linearizable, "", "stale read", "stale read", "lost update")}, []Kind{{models.Linearizable, "stale read"}}, 1},
		{"a stronger and a weaker", []checkers.Verdict{violated(models.Linearizable, "", "stale read"), violated(models.ReadYourWrites, "", "own write not seen")}, []Kind{{models.ReadYourWrites, "own write not seen"}}, 1},
		{"one follows", []checkers.Verdict{violated(models.Linearizable, models.ReadYourWrites), violated(models.ReadYourWrites, "", "own write not seen")}, []Kind{{models.ReadYourWrites, "own write not seen"}}, 0},
		{"held", []checkers.Verdict{{Model: models.Linearizable, Status: checkers.Held}}, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []Kind
			others := 0
			for _, v := range seenOf("r", &verdict.Assessment{Verdicts: c.verdicts}).Violations {
				if v.Weakest {
					got = append(got, Kind{v.Model, v.Anomaly})
					continue
				}
				others++
			}
			if !slices.Equal(got, c.want) || others != c.others {
				t.Errorf("%v and %d others, want %v and %d", got, others, c.want, c.others)
			}
		})
	}
}

// TestReached: how far the load went is known where something ended it before its time.
func TestReached(t *testing.T) {
	const sec = history.Time(1e9)
	phases := func(load, heal history.Time) *history.History {
		b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1"}})
		for _, e := range []history.Event{{At: load, Kind: history.EventPhase, Text: harness.PhaseLoad}, {At: heal, Kind: history.EventPhase, Text: harness.PhaseHeal}} {
			if e.At > 0 {
				b.AddEvent(e)
			}
		}
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for _, c := range []struct {
		name string
		h    *history.History
		want time.Duration
	}{
		{"ended by a violation", phases(sec, 3*sec), 2 * time.Second},
		{"to its end", phases(sec, 6*sec), 0},
		{"beyond its end", phases(sec, 7*sec), 0},
		{"never over", phases(sec, 0), 0},
		{"no history", nil, 0},
	} {
		if got := reached(c.h, 5*time.Second); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestAbandonedRuns: what an interrupted hunt does not wait for is not left as killed, and
// nothing else goes with it.
func TestAbandonedRuns(t *testing.T) {
	out := t.TempDir()
	ours := &store.Part{Of: "hunt 1"}
	for _, x := range []struct {
		id            string
		sum           store.Summary
		ended, loaded bool
	}{
		{id: "1-setup", sum: store.Summary{Part: ours, State: store.StateRunning}},
		{id: "2-ended", sum: store.Summary{Part: ours, State: store.StateFinished}, ended: true},
		{id: "3-another", sum: store.Summary{Part: &store.Part{Of: "hunt 2"}, State: store.StateRunning}},
		{id: "4-by-hand", sum: store.Summary{State: store.StateRunning}},
		{id: "5-load", sum: store.Summary{Part: ours, State: store.StateRunning}, loaded: true},
		{id: "6-killed-before", sum: store.Summary{Part: ours, State: store.StateRunning}, ended: true},
		{id: "7-setup-too", sum: store.Summary{Part: ours, State: store.StateRunning}},
	} {
		d, err := store.Create(out, x.id)
		if err == nil {
			err = d.WriteJSON(store.FileRun, x.sum)
		}
		if err == nil && x.loaded {
			err = d.WriteFile(store.FileHistory, []byte("{}"))
		}
		if err != nil {
			t.Fatal(err)
		}
		release, err := d.Lock()
		if err != nil {
			t.Fatal(err)
		}
		if x.ended {
			release()
		} else {
			t.Cleanup(release)
		}
	}
	left := func(r Real) (ids []string) {
		r.Env.Out = out
		if err := r.abandon(); err != nil {
			t.Fatal(err)
		}
		dirs, err := store.List(out)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range dirs {
			ids = append(ids, d.ID)
		}
		return ids
	}
	if got := left(Real{Whole: "hunt 1", KeepAll: true}); len(got) != 7 {
		t.Errorf("with all kept, %v are left", got)
	}
	if got := left(Real{Whole: "hunt 1"}); !slices.Equal(got, []string{"2-ended", "3-another", "4-by-hand", "5-load", "6-killed-before"}) {
		t.Errorf("%v are left", got)
	}
}

// TestNearMisses: pairs of histories that differ in one operation.
func TestNearMisses(t *testing.T) {
	const ms = history.Time(1e6)
	type read struct {
		at  history.Time
		saw history.Value
	}
	for _, c := range []struct {
		name        string
		reads       []read
		least, most float64
	}{
		{"fresh", []read{{30 * ms, 2}}, 0, 0},
		{"stale", []read{{30 * ms, 1}}, 1, 1},
		{"an instant before the newer write was acknowledged", []read{{20*ms - 20e3, 1}}, 0.89, 0.9},
		{"well before", []read{{11 * ms, 1}}, 0.01, 0.5},
		{"before the newer write began", []read{{5 * ms, 1}}, 0, 0.2},
		{"what nobody wrote", []read{{30 * ms, 9}}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1"}})
			k := b.Key("k")
			add := func(process int32, from, to history.Time, m history.Mop) {
				m.Key = k
				b.AddPlain(history.Op{Process: process, Session: process, Invoke: from, Complete: to, Outcome: history.OK, Error: -1, Note: -1}, m)
			}
			add(0, 1*ms, 2*ms, history.Mop{Func: history.Write, Arg: 1})
			add(0, 10*ms, 20*ms, history.Mop{Func: history.Write, Arg: 2})
			for i, r := range c.reads {
				add(int32(i+1), r.at, r.at+12*ms, history.Mop{Func: history.Read, Ret: r.saw, Flags: history.Observed})
			}
			h, err := b.History()
			if err != nil {
				t.Fatal(err)
			}
			if o := observe(h); o.near < c.least || o.near > c.most {
				t.Errorf("near %g, want %g to %g: %v", o.near, c.least, c.most, o.signs)
			}
		})
	}
}

// TestStates: what a fault met when it began.
func TestStates(t *testing.T) {
	const s = history.Time(1e9)
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1"}})
	b.AddPlain(history.Op{Process: 1, Session: 1, Invoke: 2*s - 1, Complete: 2*s + 1, Outcome: history.OK, Error: -1, Note: -1}, history.Mop{Func: history.Write, Key: b.Key("k"), Arg: 1})
	for i, f := range []history.Fault{
		{Kind: "kill", Injected: 2 * s, TookEffect: 2*s + 1, Healing: 4 * s, Healed: 5 * s},
		{Kind: "pause", Injected: 3 * s, TookEffect: 3*s + 1, Healing: 4 * s, Healed: 5 * s},
		{Kind: "clock", Injected: 6 * s, TookEffect: 6*s + 1, Healing: 7 * s, Healed: 7 * s},
		{Kind: "partition", Injected: 20 * s, TookEffect: 20*s + 1, Healing: 21 * s, Healed: 22 * s},
		{Kind: "lag", Injected: 30 * s}, // took no effect
	} {
		f.ID = i + 1
		b.AddFault(f)
	}
	b.AddEvent(history.Event{At: 19 * s, Kind: history.EventFailover, Text: "n2 was promoted"})
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	got := map[Cell]bool{}
	for _, c := range observe(h).cells {
		got[c] = true
	}
	want := []Cell{
		{"kill", Alone}, {"kill", WritesOnWay}, {"pause", BesideAnother}, {"pause", Idle},
		{"clock", AfterAnother}, {"clock", Idle}, {"partition", Alone}, {"partition", AfterFailover}, {"partition", Idle},
	}
	for _, c := range want {
		if !got[c] {
			t.Errorf("%v is missing", c)
		}
		delete(got, c)
	}
	if len(got) > 0 {
		t.Errorf("besides: %v", got)
	}
}

// TestKindsOfLines: pairs of lines that are of one kind, or not.
func TestKindsOfLines(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"2026-01-01 10:00:00 elected n1 in term 4", "2026-01-02 11:30:00 elected n2 in term 17", true},
		{"time=10:00 msg=elected node=n1", "time=10:01 msg=deposed node=n1", false},
		{"relation 'users' was dropped", "relation 'orders of mine' was dropped", true},
		{"relation 'users' was dropped", "relation 'users' was made", false},
		{"checkpoint complete", "checkpoint starting", false},
	} {
		if got := kindOfLine(c.a) == kindOfLine(c.b); got != c.same {
			t.Errorf("%q and %q: one kind is %t", c.a, c.b, got)
		}
	}
}

// TestEstimate against figures worked out by hand from the papers' formulas.
func TestEstimate(t *testing.T) {
	// 10 runs, 4 signs in one, 2 in two, 1 in all: Chao2 is 9/10 * 16/4 = 3.6.
	e := estimate(map[string]int{"a": 1, "b": 1, "c": 1, "d": 1, "e": 2, "f": 2, "g": 10}, 10, 6*60e9)
	if e.Signs != 7 || e.Once != 4 || e.Twice != 2 || e.Unseen != 3.6 || e.NextRun != 0.4 {
		t.Errorf("%+v", e)
	}
	// The next hour has 100 runs: 3.6 * (1 - (1 - 4/40)^100).
	if e.NextHour < 3.59 || e.NextHour > 3.6 {
		t.Errorf("the next hour shows %g", e.NextHour)
	}
	// No sign in two: 9/10 * 4*3/2.
	if e := estimate(map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}, 10, 1); e.Unseen != 5.4 {
		t.Errorf("%+v", e)
	}
	if e := estimate(nil, 0, 0); e != (Estimate{}) {
		t.Errorf("%+v", e)
	}
	if b := bound(10); b < 0.258 || b > 0.26 {
		t.Errorf("none in ten bounds by %g", b)
	}
}

// TestCorpus: what no run showed before is worth changing, and what led to nothing less.
func TestCorpus(t *testing.T) {
	c := newCorpus()
	a, b, again := &runs.Planned{}, &runs.Planned{}, &runs.Planned{}
	if n := c.add(a, &Seen{Signs: []string{"x", "x", "y"}}); n != 2 {
		t.Errorf("%d new signs", n)
	}
	if n := c.add(again, &Seen{Signs: []string{"y", "x"}}); n != 0 || len(c.entries) != 1 {
		t.Errorf("%d new, %d kept", n, len(c.entries))
	}
	if n := c.add(b, &Seen{Signs: []string{"z"}, Near: 0.5}); n != 1 || len(c.entries) != 2 {
		t.Errorf("%d new, %d kept", n, len(c.entries))
	}
	if c.add(again, &Seen{Near: 0.9}); len(c.entries) != 3 {
		t.Error("what came nearer than any was not kept")
	}
	before := c.energy(c.entries[1])
	c.entries[1].children, c.entries[1].barren = 2, 2
	if after := c.energy(c.entries[1]); after >= before/4 {
		t.Errorf("energy %g, and after two changes for nothing %g", before, after)
	}
	seen := map[*entry]int{}
	for n := range 200 {
		seen[c.choose(stream(1, n))]++
	}
	if len(seen) != 3 {
		t.Errorf("only %d of 3 were ever chosen", len(seen))
	}
}
