package eventual

import (
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// TestSettledIsNotKnown: where nobody says when the database had settled, what a session read of its node before its
// last read was on the way; a replica that stays behind is one all the same.
func TestSettledIsNotKnown(t *testing.T) {
	for _, c := range []struct {
		name string
		last history.Value
		want checkers.Status
	}{{"it converged", 2, checkers.Held}, {"it stayed behind", 1, checkers.Violated}} {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{Initial: history.Absent, Nodes: []string{"n1", "n2"}})
			for _, s := range []struct {
				step
				session int32
			}{
				{write(10, 1), 0}, {write(20, 2), 0},
				{read(110, 0, 2), 0}, {read(110, 1, 1), 1}, {read(120, 1, 1), 1}, {read(130, 1, c.last), 1}, {read(140, 0, 2), 0},
			} {
				b.AddPlain(history.Op{Invoke: s.at, Complete: s.at + 5, Process: s.session, Session: s.session, Error: -1, Note: -1, Node: s.node, Outcome: history.OK}, s.mop)
			}
			h, err := b.History()
			if err != nil {
				t.Fatal(err)
			}
			v, err := Checker{}.Check(t.Context(), h, checkers.Budget{})
			if err != nil || v.Status != c.want {
				t.Errorf("%s %v, %v; want %s", v.Status, v.Reasons, err, c.want)
			}
		})
	}
}
