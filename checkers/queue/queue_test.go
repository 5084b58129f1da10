package queue

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

func enq(s int32, from, to history.Time, v history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.Enqueue, A: v}}}
}

func deq(s int32, from, to history.Time, v history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.Dequeue, R: v}}}
}

func lostDeq(s int32, from history.Time) exhaust.Op {
	return exhaust.Op{S: s, From: from, Info: true, Mops: []exhaust.M{{F: history.Dequeue}}}
}

// drain takes all that is there; the last dequeue of an answered one finds nothing.
func drain(s int32, from, to history.Time, vs ...history.Value) exhaust.Op {
	o := exhaust.Op{S: s, From: from, To: to}
	for _, v := range vs {
		o.Mops = append(o.Mops, exhaust.M{F: history.Dequeue, R: v})
	}
	o.Mops = append(o.Mops, exhaust.M{F: history.Dequeue, R: empty})
	return o
}

const empty = history.Absent

func TestQueue(t *testing.T) {
	exhaust.Run(t, New(), []exhaust.Case{
		{Name: "drained", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), deq(1, 5, 6, 2), deq(1, 7, 8, 1), deq(1, 9, 10, empty)}},
		{Name: "lost", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), deq(1, 5, 6, 2), deq(1, 9, 10, empty)}, Anomalies: []string{"lost element"}},
		{Name: "perhaps taken by the unanswered", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), deq(1, 5, 6, 2), lostDeq(2, 5), deq(1, 9, 10, empty)}, Inconclusive: true},
		{Name: "not drained", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), deq(1, 5, 6, 2)}, Inconclusive: true},
		{Name: "twice", Ops: []exhaust.Op{enq(0, 1, 2, 1), deq(1, 5, 6, 1), deq(1, 7, 8, 1), deq(1, 9, 10, empty)}, Anomalies: []string{"duplicate element"}},
		{Name: "from nowhere", Ops: []exhaust.Op{enq(0, 1, 2, 1), deq(1, 5, 6, 1), deq(1, 7, 8, 3), deq(1, 9, 10, empty)}, Anomalies: []string{"unexpected element"}},
		{Name: "failed", Ops: []exhaust.Op{{S: 0, From: 1, To: 2, Fail: true, Mops: []exhaust.M{{F: history.Enqueue, A: 1}}}, deq(1, 5, 6, 1), deq(1, 9, 10, empty)}, Anomalies: []string{"aborted element"}},
		{Name: "a drain takes all", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), drain(1, 5, 6, 2, 1)}},
		{Name: "a drain misses one", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), drain(1, 5, 6, 2)}, Anomalies: []string{"lost element"}},
		{Name: "a drain finds nothing at all", Ops: []exhaust.Op{enq(0, 1, 2, 1), drain(1, 5, 6)}, Anomalies: []string{"lost element"}},
		{Name: "a drain that may have come first", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 6, 2), drain(1, 5, 7, 1)}, Inconclusive: true},
		{Name: "another drain got it", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), drain(1, 5, 9, 2), drain(2, 6, 8, 1)}},
		{Name: "a drain without an answer may have it", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), lostDeq(2, 5), drain(1, 6, 7, 2)}, Inconclusive: true},
		{Name: "a drain takes one twice", Ops: []exhaust.Op{enq(0, 1, 2, 1), drain(1, 5, 6, 1, 1)}, Anomalies: []string{"duplicate element"}},
		{Name: "a drain takes what another has", Ops: []exhaust.Op{enq(0, 1, 2, 1), deq(2, 3, 4, 1), drain(1, 5, 6, 1)}, Anomalies: []string{"duplicate element"}},
		{Name: "a drain takes what nobody put in", Ops: []exhaust.Op{enq(0, 1, 2, 1), drain(1, 5, 6, 1, 3)}, Anomalies: []string{"unexpected element"}},
		{Name: "before", Ops: []exhaust.Op{deq(1, 1, 2, 1), enq(0, 5, 6, 1), deq(1, 9, 10, empty)}, Anomalies: []string{"future element"}},
	})
}

func TestFIFO(t *testing.T) {
	exhaust.Run(t, NewFIFO(), []exhaust.Case{
		{Name: "in order", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), deq(1, 5, 6, 1), deq(1, 7, 8, 2)}},
		{Name: "out of order", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), deq(1, 5, 6, 2), deq(1, 7, 8, 1)}, Anomalies: []string{"out of order"}},
		{Name: "concurrent", Ops: []exhaust.Op{enq(0, 1, 9, 1), enq(1, 3, 4, 2), deq(2, 5, 6, 2), deq(2, 7, 8, 1)}},
		{Name: "skipped", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), deq(1, 5, 6, 2)}, Anomalies: []string{"out of order"}},
		{Name: "perhaps not skipped", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), lostDeq(2, 4), deq(1, 5, 6, 2)}},
		{Name: "a drain in any order", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), drain(1, 5, 6, 2, 1)}},
		{Name: "a drain after another element", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 4, 2), deq(2, 5, 6, 2), drain(1, 7, 8, 1)}, Anomalies: []string{"out of order"}},
		{Name: "empty though full", Ops: []exhaust.Op{enq(0, 1, 2, 1), deq(1, 5, 6, empty), deq(1, 7, 8, 1)}, Anomalies: []string{"empty dequeue"}},
		{Name: "empty between two", Ops: []exhaust.Op{enq(0, 1, 2, 1), deq(1, 3, 5, 1), enq(0, 5, 7, 2), deq(2, 4, 8, empty), deq(1, 9, 10, 2)}},
		{Name: "full all the time by two", Ops: []exhaust.Op{enq(0, 1, 2, 1), enq(0, 3, 5, 2), deq(2, 4, 8, empty), deq(1, 6, 7, 1), deq(1, 9, 10, 2)}, Anomalies: []string{"empty dequeue"}},
	})
}
