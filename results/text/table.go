package text

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Table is figures in columns. On a terminal that is too narrow for all of them the columns
// that are left come below, beside the first ones again, so that no cell is broken.
type Table struct {
	// Head has the columns' names.
	Head []string
	// Right says which columns are numbers, written to the right.
	Right []bool
	// Keep is how many columns at the left say what a row is.
	Keep int
	// Fold has the first column broken at spaces, if that makes room for all others beside it.
	Fold bool
	// Rows are as long as Head.
	Rows [][]string
}

// gap is the space between two columns, and before the first.
const gap = "  "

// Print writes the table, with lines that fit the terminal of s if there is one.
func (t *Table) Print(w io.Writer, s Style) error {
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	if fold := widths[0] - (room(widths) - s.width); t.Fold && s.width > 0 && fold < widths[0] && fold >= t.leastFirst() {
		widths[0] = fold
	}
	for i, block := range t.blocks(widths, s.width) {
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		for _, row := range append([][]string{t.Head}, t.Rows...) {
			if _, err := io.WriteString(w, t.line(row, block, widths)+"\n"); err != nil {
				return err
			}
		}
	}
	return nil
}

// leastFirst is the least width to which the first column can be folded: none of its words is broken.
func (t *Table) leastFirst() int {
	least := 16
	for _, row := range t.Rows {
		for word := range strings.FieldsSeq(row[0]) {
			least = max(least, len(gap)+utf8.RuneCountInString(word))
		}
	}
	return least
}

// room is what all columns take beside each other.
func room(widths []int) int {
	all := 0
	for _, w := range widths {
		all += len(gap) + w
	}
	return all
}

// blocks are the columns that stand beside each other. A width of 0 has room for all.
func (t *Table) blocks(widths []int, width int) [][]int {
	var kept []int
	room := 0
	for i := range t.Keep {
		kept = append(kept, i)
		room += len(gap) + widths[i]
	}
	block, at := kept[:t.Keep:t.Keep], room
	var out [][]int
	for i := t.Keep; i < len(t.Head); i++ {
		need := len(gap) + widths[i]
		if width > 0 && at+need > width && len(block) > t.Keep {
			out = append(out, block)
			block, at = kept[:t.Keep:t.Keep], room
		}
		block, at = append(block, i), at+need
	}
	return append(out, block)
}

func (t *Table) line(row []string, columns, widths []int) string {
	var b strings.Builder
	first, more, _ := strings.Cut(broken(row[0], widths[0]), "\n")
	row = append([]string{first}, row[1:]...)
	for _, i := range columns {
		space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(row[i]))
		b.WriteString(gap)
		if t.Right[i] {
			b.WriteString(space + row[i])
		} else {
			b.WriteString(row[i] + space)
		}
	}
	line := strings.TrimRight(b.String(), " ")
	if more != "" {
		line += "\n" + gap + strings.ReplaceAll(more, "\n", "\n"+gap)
	}
	return line
}
