// Package svg writes drawings. It knows shapes and nothing of what they mean.
package svg

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// Drawing is an <svg> element in the making. Every text is escaped here and
// nowhere else, so that nothing that a database returned can become markup;
// coordinates and classes are the caller's own.
type Drawing struct {
	// Style, if there is any, is put inside and makes the drawing a document of
	// its own.
	Style string

	b strings.Builder
}

// Open begins a drawing of w by h units with a title for readers who cannot see
// it. Its ids begin with id, which must be unique in the page.
func (d *Drawing) Open(id, class, title string, w, h float64) {
	space := ""
	if d.Style != "" {
		space = ` xmlns="http://www.w3.org/2000/svg"`
	}
	fmt.Fprintf(&d.b, `<svg%s class="%s" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-labelledby="%s-t"><title id="%s-t">%s</title>`,
		space, class, w, h, w, h, id, id, escape(title))
	if d.Style != "" {
		d.b.WriteString("<style>" + d.Style + "</style>")
	}
	fmt.Fprintf(&d.b, `<defs><pattern id="%s-h" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch-bg" width="8" height="8"/><line class="hatch" x1="0" y1="0" x2="0" y2="8"/></pattern>`, id)
	fmt.Fprintf(&d.b, `<marker id="%s-a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path class="arrowhead" d="M0 0L8 4L0 8z"/></marker></defs>`, id)
}

// Close ends the drawing and returns it.
func (d *Drawing) Close() string {
	d.b.WriteString("</svg>")
	return d.b.String()
}

// Rect is a rectangle with corners rounded by r.
func (d *Drawing) Rect(class string, x, y, w, h, r float64) {
	fmt.Fprintf(&d.b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%.0f"/>`, class, x, y, max(w, 0.5), h, r)
}

// Band is a hatched rectangle with a tooltip.
func (d *Drawing) Band(id, class string, x, y, w, h float64, tip string) {
	fmt.Fprintf(&d.b, `<rect class="%s" fill="url(#%s-h)" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`, class, id, x, y, max(w, 1), h, escape(tip))
}

// Line is a straight line.
func (d *Drawing) Line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&d.b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

// Arrow is a straight line with a head at its end.
func (d *Drawing) Arrow(id, class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&d.b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" marker-end="url(#%s-a)"/>`, class, x1, y1, x2, y2, id)
}

// ArrowPath is a path with a head at its end.
func (d *Drawing) ArrowPath(id, class, p string) {
	fmt.Fprintf(&d.b, `<path class="%s" d="%s" marker-end="url(#%s-a)"/>`, class, p, id)
}

// Path is a path in SVG's own words.
func (d *Drawing) Path(class, p string) { fmt.Fprintf(&d.b, `<path class="%s" d="%s"/>`, class, p) }

// Dot is a point, and what a reader is told of it.
type Dot struct {
	X, Y float64
	Text string
}

// Dots is one path that draws each dot as a line of no length, with the texts, one a line and in
// the order of the path, in its attribute data-texts: thousands of elements would be too many.
func (d *Drawing) Dots(class string, dots []Dot) {
	fmt.Fprintf(&d.b, `<path class="%s" d="`, class)
	for _, o := range dots {
		fmt.Fprintf(&d.b, "M%.1f %.1fh0", o.X, o.Y)
	}
	d.b.WriteString(`" data-texts="`)
	for i, o := range dots {
		if i > 0 {
			d.b.WriteByte('\n')
		}
		d.b.WriteString(escape(strings.ReplaceAll(o.Text, "\n", " ")))
	}
	d.b.WriteString(`"/>`)
}

// Text begins at x on the line y, unless the class says otherwise.
func (d *Drawing) Text(class string, x, y float64, t string) {
	fmt.Fprintf(&d.b, `<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, escape(t))
}

// Circle is a circle.
func (d *Drawing) Circle(class string, x, y, r float64) {
	fmt.Fprintf(&d.b, `<circle class="%s" cx="%.1f" cy="%.1f" r="%.1f"/>`, class, x, y, r)
}

// Tip is an invisible area with a tooltip.
func (d *Drawing) Tip(x, y, w, h float64, t string) {
	fmt.Fprintf(&d.b, `<rect class="tip" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`, x, y, w, h, escape(t))
}

// Short cuts a text for a place that has room for n runes.
func Short(t string, n int) string {
	r := []rune(t)
	if len(r) <= n {
		return t
	}
	return string(r[:n-1]) + "…"
}

// Ends is a text for a place that has room for n runes, without its middle if it is too long.
func Ends(t string, n int) string {
	r := []rune(t)
	if len(r) <= n {
		return t
	}
	head := (n - 1) / 2
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}

// escape makes t text: markup is escaped, and what no XML document may contain,
// such as a zero byte, becomes the sign for a character that cannot be shown.
func escape(t string) string {
	t = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return utf8.RuneError
		}
		return r
	}, t)
	return html.EscapeString(t)
}
