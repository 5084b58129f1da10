package counter

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

func add(s int32, from, to history.Time, n history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.Increment, A: n}}}
}

func read(s int32, from, to history.Time, v history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.ReadCounter, R: v}}}
}

func TestCounter(t *testing.T) {
	exhaust.Run(t, New(), []exhaust.Case{
		{Name: "sum of two", Ops: []exhaust.Op{add(0, 1, 2, 3), add(0, 3, 4, 4), read(1, 5, 6, 7)}},
		{Name: "one lost", Ops: []exhaust.Op{add(0, 1, 2, 3), add(0, 3, 4, 4), read(1, 5, 6, 3)}, Anomalies: []string{"lost increment"}},
		{Name: "one counted twice", Ops: []exhaust.Op{add(0, 1, 2, 3), read(1, 5, 6, 6)}, Anomalies: []string{"unexpected increment"}},
		{Name: "concurrent may be seen", Ops: []exhaust.Op{add(0, 1, 2, 1), add(0, 3, 9, 3), read(1, 4, 6, 4)}},
		{Name: "concurrent may be missed", Ops: []exhaust.Op{add(0, 1, 2, 1), add(0, 3, 9, 3), read(1, 4, 6, 1)}},
		{Name: "touching is concurrent", Ops: []exhaust.Op{add(0, 1, 2, 1), add(0, 3, 4, 3), read(1, 4, 6, 1)}},
		{Name: "an unanswered one may come late", Ops: []exhaust.Op{add(2, 0, 1, 2), {S: 0, From: 1, Info: true, Mops: []exhaust.M{{F: history.Increment, A: 3}}}, read(1, 5, 6, 2), read(1, 7, 8, 5)}},
		{Name: "a failed one must not", Ops: []exhaust.Op{add(2, 0, 1, 2), {S: 0, From: 1, To: 2, Fail: true, Mops: []exhaust.M{{F: history.Increment, A: 3}}}, read(1, 7, 8, 5)}, Anomalies: []string{"unexpected increment"}},
		{Name: "back", Ops: []exhaust.Op{add(2, 0, 1, 2), add(0, 1, 20, 3), read(1, 5, 6, 5), read(1, 7, 8, 2)}, Anomalies: []string{"counter went back"}},
		{Name: "a decrement during the read", Ops: []exhaust.Op{add(2, 0, 1, 5), add(0, 5, 20, -3), read(1, 4, 6, 2), read(1, 7, 8, 2)}},
		{Name: "a decrement not begun", Ops: []exhaust.Op{add(2, 0, 1, 5), add(0, 7, 20, -3), read(1, 4, 6, 2)}, Anomalies: []string{"lost increment"}},
		{Name: "a decrement lost", Ops: []exhaust.Op{add(2, 0, 1, 5), add(0, 2, 3, -3), read(1, 4, 6, 5)}, Anomalies: []string{"unexpected increment"}},
		{Name: "a decrement without an answer undone", Ops: []exhaust.Op{add(0, 1, 2, 5), {S: 2, From: 3, Info: true, Mops: []exhaust.M{{F: history.Increment, A: -2}}}, read(1, 5, 6, 3), read(1, 7, 8, 5)}, Anomalies: []string{"counter jumped"}},
		{Name: "a decrement without an answer comes late", Ops: []exhaust.Op{add(0, 1, 2, 5), {S: 2, From: 3, Info: true, Mops: []exhaust.M{{F: history.Increment, A: -2}}}, read(1, 5, 6, 5), read(1, 7, 8, 3)}},
		{Name: "another increment in between", Ops: []exhaust.Op{add(0, 1, 2, 5), {S: 2, From: 3, Info: true, Mops: []exhaust.M{{F: history.Increment, A: -2}}}, read(1, 5, 6, 3), add(0, 7, 7, 2), read(1, 8, 9, 5)}},
		{Name: "back although a decrement was begun", Ops: []exhaust.Op{add(0, 1, 2, 1), add(0, 3, 20, 5), add(2, 3, 20, -1), read(1, 5, 6, 6), read(1, 7, 8, 1)}, Anomalies: []string{"counter went back"}},
		{Name: "seen although unanswered", Ops: []exhaust.Op{{S: 0, From: 1, Info: true, Mops: []exhaust.M{{F: history.Increment, A: 3}}}, read(1, 4, 6, 3)}},
		{Name: "not seen and unanswered", Ops: []exhaust.Op{{S: 0, From: 1, Info: true, Mops: []exhaust.M{{F: history.Increment, A: 3}}}, read(1, 4, 6, 0)}, Inconclusive: true},
		{Name: "more than the unanswered", Ops: []exhaust.Op{{S: 0, From: 1, Info: true, Mops: []exhaust.M{{F: history.Increment, A: 3}}}, read(1, 4, 6, 4)}, Anomalies: []string{"unexpected increment"}},
		{Name: "below zero", Ops: []exhaust.Op{add(0, 1, 2, 2), add(0, 3, 4, -5), read(1, 5, 6, -3)}},
		{Name: "both of two", Ops: []exhaust.Op{add(2, 0, 1, 1), add(0, 3, 9, 5), add(2, 3, 9, 3), read(1, 4, 6, 9)}},
		{Name: "one of two", Ops: []exhaust.Op{add(2, 0, 1, 1), add(0, 3, 9, 5), add(2, 3, 9, 3), read(1, 4, 6, 4)}},
		{Name: "a part of one", Ops: []exhaust.Op{add(2, 0, 1, 1), add(0, 3, 9, 5), add(2, 3, 9, 3), read(1, 4, 6, 5)}, Anomalies: []string{impossibleSum}},
		{Name: "a part of all that are alike", Ops: []exhaust.Op{add(2, 0, 1, 4), add(0, 3, 9, 4), add(2, 3, 9, -4), read(1, 4, 6, 2)}, Anomalies: []string{impossibleSum}},
		{Name: "a part of one without an answer", Ops: []exhaust.Op{add(2, 0, 1, 1), {S: 0, From: 3, Info: true, Mops: []exhaust.M{{F: history.Increment, A: 5}}}, read(1, 4, 6, 2)}, Anomalies: []string{impossibleSum}},
		{Name: "one acknowledged during the read", Ops: []exhaust.Op{add(2, 0, 1, 1), add(0, 3, 5, 5), add(2, 3, 9, 3), read(1, 4, 6, 6)}},
		{Name: "one acknowledged before the read", Ops: []exhaust.Op{add(2, 0, 1, 1), add(0, 2, 3, 5), add(2, 3, 9, 3), read(1, 4, 6, 7)}, Anomalies: []string{impossibleSum}},
		{Name: "a decrement and an increment", Ops: []exhaust.Op{add(2, 0, 1, 10), add(0, 3, 9, -5), add(2, 3, 9, 3), read(1, 4, 6, 8)}},
		{Name: "neither a decrement nor an increment", Ops: []exhaust.Op{add(2, 0, 1, 10), add(0, 3, 9, -5), add(2, 3, 9, 3), read(1, 4, 6, 9)}, Anomalies: []string{impossibleSum}},
		{Name: "more than can be added", Ops: []exhaust.Op{add(2, 0, 1, 1<<61), add(0, 3, 9, 1<<61), read(1, 4, 6, 1<<61)}, Inconclusive: true},
		{Name: "no increment", Ops: []exhaust.Op{read(1, 4, 6, 0)}, Inconclusive: true},
	})
}
