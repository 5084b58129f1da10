package verdict

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// TestUnservedClients: clients that were never served are told where evidence lacks and
// nothing else explains them.
func TestUnservedClients(t *testing.T) {
	t.Parallel()
	const told = "1 of 3 clients had no operation that succeeded (session 2: connecting: deadline exceeded): a pool"
	for _, c := range []struct {
		name     string
		last     []history.Outcome // of the third client
		others   history.Outcome
		fault    bool
		required int
		want     bool
	}{
		{"never served", []history.Outcome{history.Fail, history.Info}, history.OK, false, 100, true},
		{"served once", []history.Outcome{history.Fail, history.OK}, history.OK, false, 100, false},
		{"refused once", []history.Outcome{history.Fail}, history.OK, false, 100, false},
		{"nobody served", []history.Outcome{history.Fail, history.Fail}, history.Fail, false, 100, false},
		{"a fault", []history.Outcome{history.Fail, history.Info}, history.OK, true, 100, false},
		{"enough evidence", []history.Outcome{history.Fail, history.Info}, history.OK, false, 1, false},
	} {
		b := history.NewBuilder(history.Header{Source: "lapse", Nodes: []string{"n1"}, Levels: []string{""}})
		k, at, value := b.Key("k"), history.Time(0), history.Value(0)
		add := func(session int32, o history.Outcome) {
			at, value = at+10, value+1
			op := history.Op{Process: session, Session: session, Invoke: at, Complete: at + 1, Outcome: o, Error: -1, Note: -1}
			if o == history.Info {
				op.Complete = history.Never
			}
			if o != history.OK {
				op.Error = b.String("connecting: deadline exceeded")
			}
			b.AddPlain(op, history.Mop{Func: history.Write, Key: k, Arg: value})
		}
		for range 2 {
			add(0, c.others)
			add(1, c.others)
		}
		for _, o := range c.last {
			add(2, o)
		}
		if c.fault {
			b.AddFault(history.Fault{ID: 1, Kind: "kill", Name: "kill n1", Nodes: []string{"n1"}, Injected: 1, TookEffect: 2, Healing: 3, Healed: 4})
		}
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		v := Require{OK: c.required}.Judge(h, checkers.Verdict{Model: "linearizable", Status: checkers.Held, Evidence: checkers.Evidence{OK: 4}})
		if got := strings.Join(v.Reasons, "; "); strings.Contains(got, told) != c.want || !c.want && strings.Contains(got, "clients") {
			t.Errorf("%s: %s %q, want it told: %v", c.name, v.Status, got, c.want)
		}
	}
}
