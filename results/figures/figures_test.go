package figures

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
)

// TestRecovery: the time from a healing to the next successful write, and to the
// last one that was tried where none succeeded.
func TestRecovery(t *testing.T) {
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent})
	for i, o := range []history.Outcome{history.OK, history.Fail, history.OK, history.Fail, history.Fail} {
		at := history.Time(i) * history.Time(time.Second)
		b.AddPlain(history.Op{Process: 1, Session: 1, Invoke: at, Complete: at + 1000, Outcome: o, Error: -1, Note: -1, Node: -1}, history.Mop{Func: history.Write, Arg: history.Value(i + 1)})
	}
	for id, healed := range []time.Duration{500 * time.Millisecond, 2500 * time.Millisecond} {
		at := history.Time(healed)
		b.AddFault(history.Fault{ID: id + 1, Kind: "kill", Name: "kill n1", Injected: at - 2, TookEffect: at - 1, Healing: at - 1, Healed: at})
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	h.Faults = h.Faults[:1]
	recovery := func() time.Duration {
		m := newWriteMeter(h.Faults)
		m.See(h)
		return m.longest()
	}
	if d := recovery(); d != 1500*time.Millisecond+time.Microsecond {
		t.Errorf("recovered after %s", d)
	}
	h.Faults[0].Healed = history.Time(2500 * time.Millisecond)
	if d := recovery(); d != 1500*time.Millisecond {
		t.Errorf("not recovered, for %s", d)
	}
}

// must is for histories in memory, of which nothing can fail to be read.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
