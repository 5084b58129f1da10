// Package monitortest makes what a recorder shows while a run goes on, for tests of who is
// shown it.
package monitortest

import (
	"testing"

	"github.com/lapse-test/lapse/history"
)

// Part is what a flush of the recorder shows: reads and writes with these outcomes, the ok
// ones of which took so long, a fault that is on or over, and an event of a replica's lag.
func Part(t testing.TB, outcomes []history.Outcome, took history.Time, faults []history.Fault, events ...history.Event) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent})
	for _, f := range faults {
		b.AddFault(f)
	}
	for _, e := range events {
		b.AddEvent(e)
	}
	at := history.Time(1)
	for i, o := range outcomes {
		op := history.Op{Invoke: at, Complete: at + took, Outcome: o, Error: -1, Note: -1, Node: -1}
		if o == history.Info {
			op.Complete, op.Process = history.Never, int32(i+1)
		}
		m := history.Mop{Func: history.Read, Ret: history.Absent, Flags: history.Observed}
		if i%2 == 1 {
			m = history.Mop{Func: history.Write, Arg: history.Value(i)}
		}
		if o != history.OK {
			m.Flags = 0
		}
		b.AddPlain(op, m)
		at += took
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}
