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
