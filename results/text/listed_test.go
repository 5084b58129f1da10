package text_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/text"
)

// A witness of very many operations is told in a bounded number of lines, the first and the last of them; one more or less than
// the bound decides.
func TestPrintLongWitness(t *testing.T) {
	for _, c := range []struct {
		ops, lines int
		more       string
	}{
		{text.MaxListed, text.MaxListed, ""},
		{text.MaxListed + 1, text.MaxListed + 1, "… 1 more operations"},
		{100_000, text.MaxListed + 1, "… 99,800 more operations"},
	} {
		b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
		v := checkers.Violation{Model: "sequential", Anomaly: "no order", Sentence: "no order explains them", Key: "x"}
		for i := range c.ops {
			v.Ops = append(v.Ops, i)
			op := history.Op{Process: 1, Session: 1, Invoke: history.Time(2 * i), Complete: history.Time(2*i + 1), Outcome: history.OK, Error: -1, Note: -1, Node: -1}
			b.AddPlain(op, history.Mop{Func: history.Write, Key: b.Key("x"), Arg: history.Value(i + 1)})
			if i > 0 {
				v.Steps = append(v.Steps, checkers.Step{From: i - 1, To: i, Why: "it is later"})
			}
		}
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		text.PrintViolation(&out, text.Style{}, h, &v, 1, 1)
		let, then, _ := strings.Cut(out.String(), "  Then:\n")
		_, let, _ = strings.Cut(let, "  Let:\n")
		if got := strings.Count(let, "\n"); got != c.lines || !strings.Contains(let, c.more) {
			t.Errorf("%d operations take %d lines, want %d with %q", c.ops, got, c.lines, c.more)
		}
		if got := strings.Count(then, " before "); got > text.MaxListed {
			t.Errorf("%d operations have %d reasons listed, want at most %d", c.ops, got, text.MaxListed)
		}
		if last := text.OpName(&v, c.ops-1); !strings.Contains(let, "\n    "+last+" ") {
			t.Errorf("the last of %d operations, %s, is not listed", c.ops, last)
		}
	}
}
