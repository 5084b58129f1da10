package launch

import "testing"

// TestNodeSet: who is in, and how often each was put in: that somebody is put out or is in already changes nothing of who else is.
func TestNodeSet(t *testing.T) {
	var s NodeSet
	for n, c := range []struct {
		node  int
		in    bool
		times [2]int
	}{
		{0, false, [2]int{0, 0}},
		{0, true, [2]int{1, 0}},
		{1, true, [2]int{1, 1}},
		{0, false, [2]int{1, 1}},
		{0, true, [2]int{2, 1}},
		{0, true, [2]int{3, 1}},
	} {
		s.Put(c.node, c.in)
		if got := [2]int{s.Times(0), s.Times(1)}; got != c.times || s.Has(c.node) != c.in {
			t.Errorf("step %d: %v times, node %d in is %t", n, got, c.node, s.Has(c.node))
		}
	}
	if !s.Has(1) {
		t.Error("node 1 is not in any more")
	}
}
