package quorum

import (
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/workloads"
)

// register is one writer's history of one key and one read of it at a time.
func register(t *testing.T, order string, readAt history.Time, value history.Value) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "lapse", Initial: history.Absent, Attributes: map[string]string{workloads.AttributeOrder: order}})
	add := func(process int32, invoke, complete history.Time, m history.Mop) {
		b.AddPlain(history.Op{Process: process, Session: process, Invoke: invoke, Complete: complete, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, m)
	}
	add(1, 10, 20, history.Mop{Func: history.Write, Key: 7, Arg: 1})
	add(1, 30, 40, history.Mop{Func: history.Write, Key: 7, Arg: 2})
	add(1, 50, 60, history.Mop{Func: history.Write, Key: 7, Arg: 3})
	add(2, readAt, readAt+5, history.Mop{Func: history.Read, Key: 7, Ret: value, Flags: history.Observed})
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestMeasureFreshness(t *testing.T) {
	for _, c := range []struct {
		name          string
		at            history.Time
		value         history.Value
		atRisk, stale int
	}{
		{"before any acknowledgement", 19, history.Absent, 0, 0},
		{"touching an acknowledgement is concurrent", 20, history.Absent, 0, 0},
		{"absent after one", 21, history.Absent, 1, 1},
		{"first after first", 21, 1, 1, 0},
		{"newer one under way", 35, 2, 1, 0},
		{"older one while a newer is under way", 35, 1, 1, 0},
		{"older one after the newer", 41, 1, 1, 1},
		{"two behind", 65, 1, 1, 1},
		{"newest", 65, 3, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, ok := MeasureFreshness(register(t, workloads.OrderByValue, c.at, c.value))
			if !ok || f.AtRisk != c.atRisk || f.Stale != c.stale {
				t.Errorf("at risk %d, stale %d (%v), want %d, %d", f.AtRisk, f.Stale, ok, c.atRisk, c.stale)
			}
			if (f.Witness != nil) != (c.stale > 0) {
				t.Errorf("witness %+v", f.Witness)
			}
			if f.Stale > 0 && f.Worst <= 0 {
				t.Errorf("worst %s", f.Worst)
			}
		})
	}
	if _, ok := MeasureFreshness(register(t, "", 65, 1)); ok {
		t.Error("a history of several writers was judged")
	}
}
