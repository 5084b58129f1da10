package text

import (
	"strings"
	"testing"
)

// TestTable: every cell is whole at every width, each row is named in each block, and a
// table that fits is one block.
func TestTable(t *testing.T) {
	table := Table{
		Head: []string{"", "R=1 ONE", "R=2 QUORUM", "share"}, Right: []bool{false, false, false, true}, Keep: 1,
		Rows: [][]string{{"W=1", "may break / broke 147", "hold / held", "1 %"}, {"W=2", "hold / held", "hold / held", "12.5 %"}},
	}
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, `
       R=1 ONE                R=2 QUORUM    share
  W=1  may break / broke 147  hold / held     1 %
  W=2  hold / held            hold / held  12.5 %
`}, {49, `
       R=1 ONE                R=2 QUORUM    share
  W=1  may break / broke 147  hold / held     1 %
  W=2  hold / held            hold / held  12.5 %
`}, {48, `
       R=1 ONE                R=2 QUORUM
  W=1  may break / broke 147  hold / held
  W=2  hold / held            hold / held

        share
  W=1     1 %
  W=2  12.5 %
`}, {20, `
       R=1 ONE
  W=1  may break / broke 147
  W=2  hold / held

       R=2 QUORUM
  W=1  hold / held
  W=2  hold / held

        share
  W=1     1 %
  W=2  12.5 %
`},
	} {
		var b strings.Builder
		if err := table.Print(&b, Style{width: c.width}); err != nil {
			t.Fatal(err)
		}
		if got := "\n" + b.String(); got != c.want {
			t.Errorf("%d columns wide it is%s\nwant%s", c.width, got, c.want)
		}
	}
}

// TestFoldedTable: where the first column can be broken at spaces to make room for all others, it is; where a word or what is
// left of it would not fit, the others come below.
func TestFoldedTable(t *testing.T) {
	table := Table{
		Head: []string{"", "one", "two"}, Right: make([]bool, 3), Keep: 1, Fold: true,
		Rows: [][]string{{"recovery after F1 isolate n1", "32.3 ms", "7.93 s"}, {"linearizable", "held", "violated"}},
	}
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, `
                                one      two
  recovery after F1 isolate n1  32.3 ms  7.93 s
  linearizable                  held     violated
`}, {49, `
                                one      two
  recovery after F1 isolate n1  32.3 ms  7.93 s
  linearizable                  held     violated
`}, {48, `
                               one      two
  recovery after F1 isolate    32.3 ms  7.93 s
    n1
  linearizable                 held     violated
`}, {37, `
                    one      two
  recovery after    32.3 ms  7.93 s
    F1 isolate n1
  linearizable      held     violated
`}, {36, `
                                one
  recovery after F1 isolate n1  32.3 ms
  linearizable                  held

                                two
  recovery after F1 isolate n1  7.93 s
  linearizable                  violated
`},
	} {
		var b strings.Builder
		if err := table.Print(&b, Style{width: c.width}); err != nil {
			t.Fatal(err)
		}
		if got := "\n" + b.String(); got != c.want {
			t.Errorf("%d columns wide it is%s\nwant%s", c.width, got, c.want)
		}
	}
}
