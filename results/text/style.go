package text

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/lapse-test/lapse/checkers"
)

// Style colours text for a terminal and breaks its lines where that ends; the zero value
// leaves it plain and as it is.
type Style struct {
	on bool
	// width is the number of the terminal's columns, 0 where there is none: lines are not
	// broken then.
	width int
}

// StyleFor is coloured when w is a terminal and NO_COLOR is not set (see
// no-color.org) and TERM is not dumb.
func StyleFor(w io.Writer) Style {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return Style{}
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 0
	}
	return Style{width: width, on: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (s Style) wrap(code, text string) string {
	if !s.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Bold is t in bold.
func (s Style) Bold(t string) string { return s.wrap("1", t) }

// Dim is t in a faint colour.
func (s Style) Dim(t string) string { return s.wrap("2", t) }

// Red is t in red, for violations.
func (s Style) Red(t string) string { return s.wrap("1;31", t) }

// Green is t in green, for what held.
func (s Style) Green(t string) string { return s.wrap("32", t) }

// Yellow is t in yellow, for what is not known.
func (s Style) Yellow(t string) string { return s.wrap("33", t) }

// Status is the word of a verdict with a mark of its own, so that nothing
// depends on colour.
func (s Style) Status(st checkers.Status) string {
	switch st {
	case checkers.Held:
		return s.Green("✓ held")
	case checkers.Violated:
		return s.Red("✗ violated")
	}
	return s.Yellow("? inconclusive")
}
