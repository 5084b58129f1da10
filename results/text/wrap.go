package text

import (
	"io"
	"strings"
	"unicode/utf8"
)

// fitting breaks lines that are wider than a terminal, at spaces. What goes on below
// begins under the last column of the line above it, so that tables stay tables. It is
// for whole lines: one that has no end yet is kept until it has.
type fitting struct {
	w     io.Writer
	width int
	line  []byte
}

// Fit is w with lines as wide as the terminal at most, w itself where there is none.
func (s Style) Fit(w io.Writer) io.Writer {
	if f, ok := w.(*fitting); ok || s.width < minWidth {
		if ok {
			return f
		}
		return w
	}
	return &fitting{w: w, width: s.width}
}

// minWidth is the least width for which breaking lines makes anything better.
const minWidth = 40

// Write implements io.Writer.
func (f *fitting) Write(p []byte) (int, error) {
	f.line = append(f.line, p...)
	for {
		i := strings.IndexByte(string(f.line), '\n')
		if i < 0 {
			return len(p), nil
		}
		out := broken(string(f.line[:i]), f.width) + "\n"
		f.line = append(f.line[:0], f.line[i+1:]...)
		if _, err := io.WriteString(f.w, out); err != nil {
			return len(p), err
		}
	}
}

// Prose is a paragraph in lines as wide as the terminal at most, all of which begin at the left; as it is where there is none.
func (s Style) Prose(paragraph string) string {
	if s.width < minWidth {
		return paragraph
	}
	return brokenAt(paragraph, s.width, 0)
}

// broken is line in lines of at most width columns, but for words that are longer.
// Codes for colours take no room.
func broken(line string, width int) string {
	if visible(line) <= width {
		return line
	}
	return brokenAt(line, width, hanging(line, width))
}

// brokenAt is line in lines of at most width columns that begin at indent, but for the first.
func brokenAt(line string, width, indent int) string {
	var b strings.Builder
	at, fresh := 0, true
	for line != "" {
		spaces := len(line) - len(strings.TrimLeft(line, " "))
		word := line[spaces:]
		if i := strings.IndexByte(word, ' '); i >= 0 {
			n := i
			if rest := word[i+1:]; rest != "" && rest[0] != ' ' {
				next, _, _ := strings.Cut(rest, " ")
				if marks(word[:i]) || measures(word[:i], next) {
					n = i + 1 + len(next)
				}
			}
			word = word[:n]
		}
		line = line[spaces+len(word):]
		n := visible(word)
		if !fresh && at+spaces+n > width {
			// A word that is too wide for its column, such as a path, begins further left.
			at, spaces = max(0, min(indent, width-n)), 0
			b.WriteString("\n" + strings.Repeat(" ", at))
		}
		b.WriteString(strings.Repeat(" ", spaces) + word)
		at += spaces + n
		fresh = false
	}
	return b.String()
}

// marks says whether word is the mark of a verdict (see Style.Status), which stays with the word behind it.
func marks(word string) bool {
	switch uncoloured(word) {
	case "✓", "✗", "?":
		return true
	}
	return false
}

// measures says whether word is a number and next the unit of it, which stay together.
func measures(word, next string) bool {
	word = strings.TrimLeft(uncoloured(word), "(+-<")
	if word == "" || strings.Trim(word, "0123456789.,") != "" {
		return false
	}
	switch strings.TrimRight(uncoloured(next), ",;:.)") {
	case "ns", "µs", "ms", "s", "min", "h", "%", "B", "kB", "MB", "GB", "op/s", "ok/s":
		return true
	}
	return false
}

// hanging returns the place at which the last column of line begins, if that leaves half of the width,
// else two columns after its beginning.
func hanging(line string, width int) int {
	plain := uncoloured(line)
	indent := len(plain) - len(strings.TrimLeft(plain, " "))
	best := indent + 2
	for i := indent; i+2 < len(plain); i++ {
		if plain[i] == ' ' && plain[i+1] == ' ' && plain[i+2] != ' ' {
			if at := utf8.RuneCountInString(plain[:i+2]); at <= width/2 {
				best = at
			}
		}
	}
	return best
}

func visible(t string) int { return utf8.RuneCountInString(uncoloured(t)) }

// uncoloured is t without the codes that Style puts in.
func uncoloured(t string) string {
	if !strings.Contains(t, "\x1b[") {
		return t
	}
	var b strings.Builder
	for t != "" {
		i := strings.Index(t, "\x1b[")
		if i < 0 {
			break
		}
		b.WriteString(t[:i])
		end := strings.IndexByte(t[i:], 'm')
		if end < 0 {
			return b.String()
		}
		t = t[i+end+1:]
	}
	return b.String() + t
}
