package bank

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

var attr = map[string]string{"accounts": "2", "total": "20"}

func open(at history.Time, account history.Key) exhaust.Op {
	return exhaust.Op{S: 0, From: at, To: at + 1, Mops: []exhaust.M{{F: history.Write, K: account, A: 10}}}
}

func transfer(at history.Time, n history.Value) exhaust.Op {
	return exhaust.Op{S: 0, From: at, To: at + 1, Mops: []exhaust.M{{F: history.Transfer, K: 0, A: 1, E: n}}}
}

func unanswered(at history.Time, n history.Value) exhaust.Op {
	o := transfer(at, n)
	o.To, o.Info = history.Never, true
	return o
}

func read(at history.Time, a, b history.Value) exhaust.Op {
	return exhaust.Op{S: 1, From: at, To: at + 1, Mops: []exhaust.M{{F: history.Read, K: 0, R: a}, {F: history.Read, K: 1, R: b}}}
}

func TestBank(t *testing.T) {
	exhaust.Run(t, New(), []exhaust.Case{
		{Name: "kept", Attr: attr, Ops: []exhaust.Op{open(1, 0), open(3, 1), transfer(5, 4), read(7, 6, 14)}},
		{Name: "half a transfer", Attr: attr, Ops: []exhaust.Op{open(1, 0), open(3, 1), transfer(5, 4), read(7, 6, 10)}, Anomalies: []string{"wrong total"}},
		{Name: "negative", Attr: attr, Ops: []exhaust.Op{open(1, 0), open(3, 1), transfer(5, 14), read(7, -4, 24)}, Anomalies: []string{"negative balance"}},
		{Name: "negative allowed", Attr: map[string]string{"accounts": "2", "total": "20", "negative": "allowed"}, Ops: []exhaust.Op{open(1, 0), open(3, 1), transfer(5, 14), read(7, -4, 24)}},
		{Name: "account gone", Attr: attr, Ops: []exhaust.Op{open(1, 0), open(3, 1), transfer(5, 4), read(7, 6, history.Absent)}, Anomalies: []string{"missing account"}},
		{Name: "not yet open", Attr: attr, Ops: []exhaust.Op{open(1, 0), read(2, 10, history.Absent), open(3, 1), transfer(5, 4), read(7, 6, 14)}},
		{Name: "imported, the first read sets the total", Ops: []exhaust.Op{read(1, 10, 10), transfer(5, 4), read(7, 6, 14)}},
		{Name: "imported, the total changes", Ops: []exhaust.Op{read(1, 10, 10), transfer(5, 4), read(7, 6, 13)}, Anomalies: []string{"wrong total"}},
		{Name: "no read after a transfer", Attr: attr, Ops: []exhaust.Op{open(1, 0), open(3, 1), read(4, 10, 10), transfer(7, 4)}, Inconclusive: true},
		{Name: "an unanswered transfer was seen", Attr: attr, Ops: []exhaust.Op{open(1, 0), open(3, 1), unanswered(5, 4), read(7, 6, 14)}},
		{Name: "an unanswered transfer was not seen", Attr: attr, Ops: []exhaust.Op{open(1, 0), open(3, 1), unanswered(5, 4), read(7, 10, 10)}, Inconclusive: true},
		{Name: "imported, an unanswered transfer was seen", Ops: []exhaust.Op{read(1, 10, 10), unanswered(5, 4), read(7, 6, 14)}},
		{Name: "imported, one read says nothing of an unanswered transfer", Ops: []exhaust.Op{unanswered(1, 4), read(7, 6, 14)}, Inconclusive: true},
	})
}

func TestNegativeBalances(t *testing.T) {
	exhaust.Run(t, NewOverdrawn(), []exhaust.Case{
		{Name: "overdrawn", Attr: attr, Ops: []exhaust.Op{open(1, 0), open(3, 1), transfer(5, 14), read(7, -4, 24)}},
		{Name: "overdrawn and gone", Attr: attr, Ops: []exhaust.Op{open(1, 0), open(3, 1), transfer(5, 14), read(7, -4, 23)}, Anomalies: []string{"wrong total"}},
	})
}
