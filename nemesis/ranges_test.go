package nemesis

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
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
			if err := s.ledger.hold(claimProcess, "another", c.held...); err != nil {
				t.Fatal(err)
			}
			r := &rangeChange{step: &Step{Fault: "move-range", Nodes: []string{"n1"}}, choose: moveRange}
			defer r.release(s)
			var said history.Fault
			err := r.aim(t.Context(), s, &said)
			if c.want == "" && !isSkipped(err) || c.want != "" && (err != nil || !strings.Contains(said.Name, c.want)) {
				t.Errorf("%q, %v, want %q", said.Name, err, c.want)
			}
		})
	}
}

// What a second change of the ranges is left out for is said in words that can be read.
func TestOneChangeOfRangesAtATime(t *testing.T) {
	s := newFake(3, lies{}).scene()
	first := &rangeChange{step: &Step{Fault: "split-range", Nodes: []string{"n1"}}, choose: splitRange}
	if err := first.aim(t.Context(), s, &history.Fault{}); err != nil {
		t.Fatal(err)
	}
	second := &rangeChange{step: &Step{Fault: "merge-ranges", Nodes: []string{"n2"}}, choose: mergeRanges}
	const want = "the table of ranges of n1 is in the hands of another fault (split-range of n1)"
	if err := second.aim(t.Context(), s, &history.Fault{}); err == nil || err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
	first.release(s)
	if err := second.aim(t.Context(), s, &history.Fault{}); err != nil {
		t.Error(err)
	}
	second.release(s)
}
