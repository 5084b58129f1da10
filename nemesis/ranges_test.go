package nemesis

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// A range of a node that has all of them moves to one that can take it: not to one that another fault has taken away, which would be refused for as long as the fault may take.
func TestARangeMovesToWhoCanTakeIt(t *testing.T) {
	for _, c := range []struct {
		name string
		held []string // whose process another fault has
		want string   // part of the name of what is done; empty where nothing can be
	}{
		{"all are there", nil, "from n1 to n3"},
		{"one is away", []string{"n3"}, "from n1 to n4"},
		{"all others are away", []string{"n3", "n4"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(4, lies{})
			f.ranges = []ability.KeyRange{{Middle: "b", Keys: 4, Nodes: []string{"n1", "n2"}}, {From: "c", Middle: "d", Keys: 3, Nodes: []string{"n1", "n2"}}}
			s := f.scene()
			if err := s.ledger.hold("another", claimsOf(claimProcess, c.held...)); err != nil {
				t.Fatal(err)
			}
			r := &rangeChange{step: &Step{Fault: "move-range", Nodes: []string{"n1"}}, choose: moveRange}
			var said history.Fault
			err := r.aim(t.Context(), s, &said)
			if c.want == "" && !isSkipped(err) || c.want != "" && (err != nil || !strings.Contains(said.Name, c.want)) {
				t.Errorf("%q, %v, want %q", said.Name, err, c.want)
			}
		})
	}
}

// Of two changes of the ranges that were put at the same time the second is left out, for a reason in words that can be read; one after the other both are made.
func TestOneChangeOfRangesAtATime(t *testing.T) {
	for _, c := range []struct {
		second time.Duration
		want   string
	}{
		{2 * time.Second, "the table of ranges of n1 is in the hands of another fault (split the range from "},
		{30 * time.Second, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(3, lies{})
			o := f.scene().run(t.Context(), Schedule{Version: 1, Mode: Mixed, Nodes: cluster.NodeNames(3), Duration: time.Minute, Steps: []Step{
				{At: time.Second, Hold: 10 * time.Second, Fault: "split-range", Nodes: []string{"n1"}},
				{At: c.second, Hold: 10 * time.Second, Fault: "merge-ranges", Nodes: []string{"n2"}},
			}})
			switch {
			case c.want == "" && (o.TookEffect != 2 || len(o.Skipped) > 0):
				t.Errorf("%+v", o)
			case c.want != "" && (o.TookEffect != 1 || len(o.Skipped) != 1 || !strings.HasPrefix(o.Skipped[0].Reason, c.want)):
				t.Errorf("%+v, want %q", o, c.want)
			}
		})
	}
}
