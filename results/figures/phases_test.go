package figures

import (
	"math"
	"testing"

	"github.com/lapse-test/lapse/history"
)

const ms = history.Time(1e6)

// timed makes a history with one read every 10 ms for 3 s; outcome and latency
// are those that at gives for the moment of invocation.
func timed(t *testing.T, faults []history.Fault, at func(history.Time) (history.Outcome, history.Time)) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "test"})
	k := b.Key("k0")
	for i := range int32(300) {
		start := history.Time(i) * 10 * ms
		outcome, took := at(start)
		op := history.Op{Invoke: start, Complete: start + took, Process: i, Session: i, Error: -1, Note: -1, Node: -1, Outcome: outcome}
		m := history.Mop{Func: history.Read, Key: k, Ret: history.Absent}
		switch outcome {
		case history.OK:
			m.Flags = history.Observed
		case history.Info:
			op.Complete = history.Never
		}
		b.AddPlain(op, m)
	}
	for _, f := range faults {
		b.AddFault(f)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestFiguresOfAFault has reads of 1 ms, a fault from 1 s to 2 s in which all
// fail, and failures that go on until 0.3 s after healing.
func TestFiguresOfAFault(t *testing.T) {
	fault := history.Fault{ID: 1, Kind: "partition", Name: "isolate n1", Injected: 1000 * ms, TookEffect: 1001 * ms, Healing: 1990 * ms, Healed: 2000 * ms}
	h := timed(t, []history.Fault{fault}, func(at history.Time) (history.Outcome, history.Time) {
		if at >= 1000*ms && at < 2300*ms {
			return history.Fail, ms
		}
		return history.OK, ms
	})
	f := must[*Phases](t)(PhasesOf(h))
	if f.All.Ops != 300 || f.All.OK != 170 || f.All.Fail != 130 {
		t.Errorf("all: %+v", f.All)
	}
	// The operation invoked at 2000 ms touches the window's closed end.
	if f.Faulted.Ops != 101 || f.Faulted.OK != 0 || f.Calm.Ops != 199 {
		t.Errorf("in faults %d ops, %d ok; outside %d", f.Faulted.Ops, f.Faulted.OK, f.Calm.Ops)
	}
	if math.Abs(f.Faulted.Seconds-1) > 1e-9 {
		t.Errorf("the faults lasted %v s, want 1", f.Faulted.Seconds)
	}
	if f.Calm.Read.P99 < 0.99 || f.Calm.Read.P99 > 1.01 {
		t.Errorf("p99 outside faults %v ms, want 1", f.Calm.Read.P99)
	}
	// The calm share is 170/199, so 17 of 20 suffice: three failures may lead.
	r := f.Windows[0].Recovery
	if r == nil || math.Abs(*r-0.28) > 1e-9 {
		t.Errorf("recovery %v, want 0.28 s after 1.99 s", r)
	}
}

// TestNoRecovery differs in what comes after: no operation succeeds any more, a
// next fault comes at once, or the fault is never healed.
func TestNoRecovery(t *testing.T) {
	good := func(history.Time) (history.Outcome, history.Time) { return history.OK, ms }
	one := history.Fault{ID: 1, Name: "f", Injected: 1000 * ms, TookEffect: 1001 * ms, Healing: 1990 * ms, Healed: 2000 * ms}
	next := history.Fault{ID: 2, Name: "g", Injected: 2050 * ms, TookEffect: 2051 * ms, Healing: 2400 * ms, Healed: 2410 * ms}
	open := one
	open.Healing, open.Healed = 0, 0
	for _, c := range []struct {
		name   string
		faults []history.Fault
		at     func(history.Time) (history.Outcome, history.Time)
		want   bool
	}{
		{"it recovers", []history.Fault{one}, good, true},
		{"nothing succeeds any more", []history.Fault{one}, func(at history.Time) (history.Outcome, history.Time) {
			if at > 1000*ms {
				return history.Info, 0
			}
			return history.OK, ms
		}, false},
		{"the next fault comes", []history.Fault{one, next}, good, false},
		{"it is never healed", []history.Fault{open}, good, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := must[*Phases](t)(PhasesOf(timed(t, c.faults, c.at)))
			if got := f.Windows[0].Recovery != nil; got != c.want {
				t.Errorf("recovered: %v, want %v", got, c.want)
			}
		})
	}
}

// TestOverlappingWindows counts shared time once.
func TestOverlappingWindows(t *testing.T) {
	a := history.Fault{ID: 1, Name: "a", Injected: 500 * ms, TookEffect: 501 * ms, Healed: 1500 * ms}
	b := history.Fault{ID: 2, Name: "b", Injected: 1000 * ms, TookEffect: 1001 * ms, Healed: 2000 * ms}
	f := must[*Phases](t)(PhasesOf(timed(t, []history.Fault{a, b}, func(history.Time) (history.Outcome, history.Time) { return history.OK, ms })))
	if math.Abs(f.Faulted.Seconds-1.5) > 1e-9 {
		t.Errorf("%v s in faults, want 1.5", f.Faulted.Seconds)
	}
	if f.Calm.Ops+f.Faulted.Ops != f.All.Ops {
		t.Errorf("%d + %d operations, want %d", f.Calm.Ops, f.Faulted.Ops, f.All.Ops)
	}
}
