package history

import (
	"reflect"
	"strings"
	"testing"
)

// TestPollPairs: a poll keeps offsets and messages together in the order in
// which they came, and an odd list is no poll.
func TestPollPairs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		list    []Value
		offsets []int64
		broken  bool
	}{
		{nil, nil, false},
		{[]Value{7, 100, 5, 101}, []int64{7, 5}, false},
		{[]Value{7, 100, 5}, nil, true},
	} {
		b := NewBuilder(Header{Source: "test"})
		txn := &Txn{Mops: []Mop{{Func: Poll, Key: 3}}}
		txn.SetList(0, c.list)
		b.Add(Op{Outcome: OK, Error: -1, Note: -1, Node: -1}, txn)
		h, err := b.History()
		if c.broken {
			if err == nil || !strings.Contains(err.Error(), "no pairs of offset and message") {
				t.Errorf("%v: error %v", c.list, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var offsets []int64
		at := 0
		for offset, message := range h.PollPairs(h.Mop(&h.Ops[0])) {
			offsets = append(offsets, offset)
			if message != c.list[at+1] {
				t.Errorf("%v: message %d is %v", c.list, at/2, message)
			}
			at += 2
		}
		if !reflect.DeepEqual(offsets, c.offsets) {
			t.Errorf("%v: offsets %v, want %v", c.list, offsets, c.offsets)
		}
	}
}
