package unique

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

func generate(s int32, at history.Time, id history.Value) exhaust.Op {
	return exhaust.Op{S: s, From: at, To: at + 1, Mops: []exhaust.M{{F: history.Generate, R: id}}}
}

func TestUnique(t *testing.T) {
	exhaust.Run(t, New(), []exhaust.Case{
		{Name: "all different", Ops: []exhaust.Op{generate(0, 1, 7), generate(1, 2, 8)}},
		{Name: "one twice", Ops: []exhaust.Op{generate(0, 1, 7), generate(1, 2, 7)}, Anomalies: []string{"duplicate identifier"}},
		{Name: "unanswered ones are unknown", Ops: []exhaust.Op{generate(0, 1, 7), {S: 1, From: 2, Info: true, Mops: []exhaust.M{{F: history.Generate, R: 7}}}, generate(2, 2, 8)}},
		{Name: "one alone", Ops: []exhaust.Op{generate(0, 1, 7)}, Inconclusive: true},
	})
}
