// Package picture draws witnesses: the operations of a register over time with
// sessions, nodes, levels and fault windows, and the dependency cycle of
// transactions. It draws in Go and needs no other tool.
//
// A picture explains a verdict and never changes it: whoever draws one goes on
// without it when it cannot be drawn.
package picture

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/svg"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/results/violations"
)

//go:embed style.css
var styleText string

// The colours of a picture that stands alone, for light and dark backgrounds. They
// can be told apart by people who are blind to red or green (Okabe and Ito 2008),
// and no meaning rests on colour alone: outcomes and kinds differ in dashes too.
var (
	light = map[string]string{
		"bg": "#fbfbf9", "card": "#ffffff", "ink": "#1c2126", "soft": "#5b636c", "line": "#dfe1dd", "bad": "#b3261e",
		"open": "#8a5a00", "ok": "#2f6fbf", "fail": "#6f757c", "info": "#a66300", "band": "#d9b36a", "band-bg": "#f6ead0",
	}
	dark = map[string]string{
		"bg": "#14171a", "card": "#1b1f23", "ink": "#e6e8ea", "soft": "#9aa3ab", "line": "#30363c", "bad": "#ff8a80",
		"open": "#f0be5a", "ok": "#6aa7f0", "fail": "#9aa1a8", "info": "#f0ab4a", "band": "#7f6430", "band-bg": "#2f2819",
	}
)

// Style is the style sheet of embedded pictures. Its colours are custom properties
// that the page defines: bg, card, ink, soft, line, bad, open, ok, fail, info, band
// and band-bg.
func Style() string { return styleText }

// documentStyle spells the colours out, because few programs but browsers know
// custom properties.
func documentStyle() string {
	spell := func(colours map[string]string) string {
		s := styleText
		for _, name := range slices.Sorted(maps.Keys(colours)) {
			s = strings.ReplaceAll(s, "var(--"+name+")", colours[name])
		}
		return s
	}
	return `svg{font-family:system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}` + spell(light) +
		"@media (prefers-color-scheme:dark){" + spell(dark) + "}"
}

// ErrNothing says that a violation names no operations to draw.
var ErrNothing = errors.New("the violation names no operations, so there is nothing to draw")

// Witness is the picture of v as an <svg> element for a page that has Style; its
// ids begin with id. It is empty if there is nothing to draw.
func Witness(h *history.History, v *checkers.Violation, id string) string {
	return draw(h, v, id, "")
}

// Document is the picture of v as a file of its own, with the sentence above it
// and light and dark colours. A mistake in the drawing is an error like any other:
// the verdict stands without its picture.
func Document(h *history.History, v *checkers.Violation) (document []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("drawing went wrong: %v", r)
		}
	}()
	for _, i := range v.Ops {
		if i < 0 || i >= len(h.Ops) {
			return nil, fmt.Errorf("the witness names operation %d of a history of %d", i, len(h.Ops))
		}
	}
	s := draw(h, v, "w", documentStyle())
	if s == "" {
		return nil, ErrNothing
	}
	return []byte(s + "\n"), nil
}

func draw(h *history.History, v *checkers.Violation, id, style string) string {
	d := svg.Drawing{Style: style}
	head := 0.0
	if style != "" {
		head = headHeight(v)
	}
	if steps := cycleOf(h, v); steps != nil {
		c := &cycle{Drawing: d, id: id, h: h, v: v, steps: steps, top: head}
		return c.picture()
	}
	p := &spacetime{Drawing: d, id: id, h: h, v: v, top: head}
	return p.picture()
}

// Save draws every violation of a, which are of h, into its folder in the run directory. What
// cannot be drawn is left out; the error says what, and is no part of a verdict.
func Save(dir store.Dir, h *history.History, a *verdict.Assessment) error {
	var errs []error
	number := 0
	for i := range a.Verdicts {
		for j := range a.Verdicts[i].Violations {
			number++
			b, err := Document(h, &a.Verdicts[i].Violations[j])
			if err == nil {
				err = dir.WriteFile(violations.File(number, store.FilePicture), b)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("drawing violation %d: %w", number, err))
			}
		}
	}
	return errors.Join(errs...)
}
