package list

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

func app(s int32, from, to history.Time, v history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.Append, A: v}}}
}

func read(s int32, from, to history.Time, l ...history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: from, To: to, Mops: []exhaust.M{{F: history.ReadList, L: l}}}
}

func TestList(t *testing.T) {
	exhaust.Run(t, New(), []exhaust.Case{
		{Name: "in order", Ops: []exhaust.Op{app(0, 1, 2, 1), app(0, 3, 4, 2), read(1, 5, 6, 1, 2)}},
		{Name: "out of order", Ops: []exhaust.Op{app(0, 1, 2, 1), app(0, 3, 4, 2), read(1, 5, 6, 2, 1)}, Anomalies: []string{"appends out of order"}},
		{Name: "stale", Ops: []exhaust.Op{app(0, 1, 2, 1), app(0, 3, 4, 2), read(1, 5, 6, 1), read(2, 9, 10, 1, 2)}, Anomalies: []string{"stale read"}},
		{Name: "concurrent", Ops: []exhaust.Op{app(0, 1, 2, 1), app(0, 3, 6, 2), read(1, 5, 6, 1), read(2, 9, 10, 1, 2)}},
		{Name: "lost at the end", Ops: []exhaust.Op{app(0, 1, 2, 1), app(0, 3, 4, 2), read(1, 5, 6, 1)}, Anomalies: []string{"stale read"}},
		{Name: "two orders", Ops: []exhaust.Op{app(0, 1, 9, 1), app(1, 1, 9, 2), read(2, 2, 3, 1), read(3, 2, 3, 2)}, Anomalies: []string{"incompatible order"}},
		{Name: "twice", Ops: []exhaust.Op{app(0, 1, 2, 1), read(1, 5, 6, 1, 1)}, Anomalies: []string{"duplicate element"}},
		{Name: "from nowhere", Ops: []exhaust.Op{app(0, 1, 2, 1), read(1, 5, 6, 1, 7)}, Anomalies: []string{"unexpected element"}},
		{Name: "failed", Ops: []exhaust.Op{{S: 0, From: 1, To: 2, Fail: true, Mops: []exhaust.M{{F: history.Append, A: 1}}}, read(1, 5, 6, 1)}, Anomalies: []string{"aborted element"}},
		{Name: "before its append", Ops: []exhaust.Op{read(1, 1, 2, 1), app(0, 5, 6, 1)}, Anomalies: []string{"future element"}},
		{Name: "nothing read", Ops: []exhaust.Op{app(0, 1, 2, 1)}, Inconclusive: true},
	})
}
