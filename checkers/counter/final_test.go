package counter

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

func TestInTheEnd(t *testing.T) {
	lost := exhaust.Op{S: 0, From: 1, Info: true, Mops: []exhaust.M{{F: history.Increment, A: 3}}}
	failed := exhaust.Op{S: 0, From: 1, To: 2, Fail: true, Mops: []exhaust.M{{F: history.Increment, A: 3}}}
	exhaust.Run(t, NewEventual(), []exhaust.Case{
		{Name: "all are there", Ops: []exhaust.Op{add(0, 1, 2, 3), add(1, 1, 2, 4), read(1, 5, 6, 7)}},
		{Name: "one is lost", Ops: []exhaust.Op{add(0, 1, 2, 3), add(1, 1, 2, 4), read(1, 5, 6, 4)}, Anomalies: []string{"lost increment"}},
		{Name: "one is there twice", Ops: []exhaust.Op{add(0, 1, 2, 3), add(1, 1, 2, 4), read(1, 5, 6, 10)}, Anomalies: []string{"unexpected increment"}},
		{Name: "a stale read that is not final", Ops: []exhaust.Op{add(0, 1, 2, 3), read(1, 3, 4, 0), add(0, 5, 6, 4), read(1, 7, 8, 7)}},
		{Name: "the same read as a final one", Ops: []exhaust.Op{add(0, 1, 2, 3), read(1, 3, 4, 0)}, Anomalies: []string{"lost increment"}},
		{Name: "one node has not heard", Ops: []exhaust.Op{add(0, 1, 2, 3), read(1, 3, 4, 3), read(2, 3, 4, 0)}, Anomalies: []string{"lost increment"}},
		{Name: "one node heard of it late", Ops: []exhaust.Op{add(0, 1, 2, 3), read(1, 3, 4, 0), read(1, 5, 6, 3)}},
		{Name: "one node forgot it", Ops: []exhaust.Op{add(0, 1, 2, 3), read(1, 3, 4, 3), read(1, 5, 6, 0)}, Anomalies: []string{"lost increment"}},
		{Name: "one without an answer is there", Ops: []exhaust.Op{lost, add(1, 1, 2, 4), read(1, 5, 6, 7)}},
		{Name: "one without an answer is not there", Ops: []exhaust.Op{lost, add(1, 1, 2, 4), read(1, 5, 6, 4)}},
		{Name: "one that failed is there", Ops: []exhaust.Op{failed, add(1, 1, 2, 4), read(1, 5, 6, 7)}, Anomalies: []string{"unexpected increment"}},
		{Name: "a decrement is lost", Ops: []exhaust.Op{add(0, 1, 2, 3), add(1, 3, 4, -1), read(1, 5, 6, 3)}, Anomalies: []string{"unexpected increment"}},
		{Name: "a part of one without an answer is there", Ops: []exhaust.Op{lost, add(1, 1, 2, 4), read(1, 5, 6, 5)}, Anomalies: []string{impossibleSum}},
		{Name: "nothing was added", Ops: []exhaust.Op{read(1, 5, 6, 0)}, Inconclusive: true},
	})
}
