package picture

import (
	_ "embed"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/svg"
)

// MaxDrawn bounds the operations in a picture.
const MaxDrawn = 24

// The measures of the heading of a document.
const (
	headWide  = 100 // letters in a line of the sentence
	headLine  = 17.0
	headLines = 4
)

// heading is the verdict in words: the model, the anomaly and the first lines of
// the sentence.
func heading(v *checkers.Violation) (title string, lines []string) {
	title = v.Model + ": " + v.Anomaly
	if v.Key != "" {
		title += ", key " + svg.Short(v.Key, 40)
	}
	sentence := v.Sentence
	if strings.Contains(sentence, "\n") {
		return title, nil // a proof in several lines is what the picture shows
	}
	lines = wrap(sentence, headWide)
	if len(lines) > headLines {
		lines = lines[:headLines]
		lines[headLines-1] = svg.Short(lines[headLines-1], headWide-2) + " …"
	}
	if len(v.Legal) > 0 {
		lines = append(lines, svg.Short("legal values: "+strings.Join(v.Legal, ", "), headWide))
	}
	return title, lines
}

func headHeight(v *checkers.Violation) float64 {
	_, lines := heading(v)
	return 38 + headLine*float64(len(lines))
}

// drawHeading puts the background and the words.
func drawHeading(d *svg.Drawing, v *checkers.Violation, w, h float64) {
	if d.Style == "" {
		return
	}
	d.Rect("page", 0, 0, w, h, 0)
	title, lines := heading(v)
	d.Text("verdict", 12, 24, "✗ "+title)
	for i, l := range lines {
		d.Text("sentence", 12, 46+headLine*float64(i), l)
	}
}

// headingWidth is the room that the words of a document need.
func headingWidth(d *svg.Drawing, v *checkers.Violation) float64 {
	if d.Style == "" {
		return 0
	}
	title, lines := heading(v)
	w := 9 * float64(len([]rune(title))+3)
	for _, l := range lines {
		w = max(w, 7*float64(len([]rune(l))))
	}
	return w + 24
}

// wrap cuts a text into lines of at most n runes, at spaces where there are any.
func wrap(t string, n int) []string {
	var lines []string
	line := []rune{}
	for word := range strings.FieldsSeq(t) {
		w := []rune(word)
		for len(w) > n {
			if len(line) > 0 {
				lines = append(lines, string(line))
				line = line[:0:0]
			}
			lines = append(lines, string(w[:n]))
			w = w[n:]
		}
		if len(line) > 0 && len(line)+1+len(w) > n {
			lines = append(lines, string(line))
			line = nil
		}
		if len(line) > 0 {
			line = append(line, ' ')
		}
		line = append(line, w...)
	}
	if len(line) > 0 {
		lines = append(lines, string(line))
	}
	return lines
}

// Millis is a length of time in milliseconds as people read it.
func Millis(v float64) string { return duration.Millis(v) }
