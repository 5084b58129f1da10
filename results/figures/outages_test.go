package figures

import (
	"math"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// written makes a load of 3 s with a write every 10 ms, each of which takes 1 ms and
// ends as at says.
func written(t *testing.T, faults []history.Fault, events []history.Event, at func(history.Time) (history.Outcome, string)) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent})
	for i := range history.Time(300) {
		outcome, note := at(i * 10 * ms)
		op := history.Op{Invoke: i * 10 * ms, Complete: i*10*ms + ms, Process: int32(i), Session: int32(i), Error: -1, Note: b.String(note), Node: -1, Outcome: outcome}
		if outcome == history.Info {
			op.Complete = history.Never
		}
		b.AddPlain(op, history.Mop{Func: history.Write, Arg: history.Value(i + 1)})
	}
	b.AddEvent(history.Event{Kind: history.EventPhase, Text: "load"})
	for _, e := range events {
		b.AddEvent(e)
	}
	b.AddEvent(history.Event{At: 3000 * ms, Kind: history.EventPhase, Text: "final"})
	for _, f := range faults {
		b.AddFault(f)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestOutages: the primary is killed at 1 s, the standby promoted at 1.5 s, and writes
// succeed from 2 s on; each case differs from that in one thing.
func TestOutages(t *testing.T) {
	kill := history.Fault{ID: 1, Kind: "kill", Name: "kill n1", Injected: 1000 * ms, TookEffect: 1001 * ms, Healing: 1800 * ms, Healed: 1900 * ms}
	late := kill
	late.Injected, late.TookEffect, late.Healing, late.Healed = 2500*ms, 2501*ms, 2600*ms, 2700*ms
	promoted := history.Event{At: 1500 * ms, Kind: history.EventFailover, Text: "n2 was promoted"}
	down := func(o history.Outcome, note string) func(history.Time) (history.Outcome, string) {
		return func(at history.Time) (history.Outcome, string) {
			if at >= 1000*ms && at < 2000*ms {
				return o, note
			}
			return history.OK, ""
		}
	}
	for _, c := range []struct {
		name                     string
		fault                    history.Fault
		events                   []history.Event
		at                       func(history.Time) (history.Outcome, string)
		longest, inside, outside float64
		failover, availability   float64
		failoverIsMeasured       bool
	}{
		// From 991 ms, when the last one succeeded, to 2001 ms, when the next one did.
		{"writes fail", kill, []history.Event{promoted}, down(history.Fail, ""), 1.01, 1.001, 0.01, 1.01, 200. / 300, true},
		{"writes have no answer", kill, []history.Event{promoted}, down(history.Info, ""), 1.01, 1.001, 0.01, 1.01, 200. / 300, true},
		{"concurrency control aborts them", kill, []history.Event{promoted}, down(history.Fail, history.NoteAborted), 0.01, 0.01, 0.01, 0.01, 1, true},
		{"they are refused for another reason", kill, []history.Event{promoted}, down(history.Fail, "out of disk"), 1.01, 1.001, 0.01, 1.01, 200. / 300, true},
		{"nobody was promoted", kill, nil, down(history.Fail, ""), 1.01, 1.001, 0.01, 0, 200. / 300, false},
		{"the fault came after the outage", late, []history.Event{promoted}, down(history.Fail, ""), 1.01, 0.01, 1.01, 1.01, 200. / 300, true},
		{"all goes well", kill, nil, down(history.OK, ""), 0.01, 0.01, 0.01, 0, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := written(t, []history.Fault{c.fault}, c.events, c.at)
			f := must[*Case](t)(Of(t.Context(), h))
			near := func(what string, got, want float64) {
				if math.Abs(got-want) > 1e-6 {
					t.Errorf("%s %v, want %v", what, got, want)
				}
			}
			near("longest", f.Outages.Longest.Any, c.longest)
			near("longest of writes", f.Outages.Longest.Writes, c.longest)
			near("longest of reads", f.Outages.Longest.Reads, 0)
			near("inside faults", f.Outages.Inside.Writes, c.inside)
			near("outside faults", f.Outages.Outside.Writes, c.outside)
			near("availability", f.Availability, c.availability)
			s, ok := f.Outages.FailoverTime()
			if near("failover", s, c.failover); ok != c.failoverIsMeasured {
				t.Errorf("failover measured: %v", ok)
			}
			phases := must[*Phases](t)(PhasesOf(h))
			near("of the fault", phases.Windows[0].Outage.Writes, c.inside)
			if phases.All.Aborted > 0 != (c.name == "concurrency control aborts them") || phases.All.Aborted > 0 && phases.All.AbortRatio() != f.Aborts {
				t.Errorf("%d aborted, %v", phases.All.Aborted, f.Aborts)
			}
		})
	}
}

// TestNothingSucceeds: the outage lasts as long as the load.
func TestNothingSucceeds(t *testing.T) {
	o := must[Outages](t)(outagesOf(written(t, nil, nil, func(history.Time) (history.Outcome, string) { return history.Fail, "" })))
	if o.Longest.Writes != 3 || o.Longest.Any != 3 {
		t.Errorf("%+v, want 3 s", o.Longest)
	}
}

// outagesOf measures the load of o.
func outagesOf(o history.Ordered) (Outages, error) {
	m := newOutageMeter(o)
	err := Take(o, m)
	return m.outages(), err
}
