package report

import (
	"fmt"
	"html"
	"html/template"
	"strings"
)

// svg builds a drawing. Every text goes through text or attribute escaping here
// and nowhere else, so that nothing that a database returned can become markup.
type svg struct{ b strings.Builder }

// open begins a drawing of w by h units with a title for readers who cannot see
// it. Its ids begin with id, which must be unique in the page.
func (s *svg) open(id, class, title string, w, h float64) {
	fmt.Fprintf(&s.b, `<svg class="%s" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-labelledby="%s-t"><title id="%s-t">%s</title>`,
		class, w, h, w, h, id, id, html.EscapeString(title))
	fmt.Fprintf(&s.b, `<defs><pattern id="%s-h" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch-bg" width="8" height="8"/><line class="hatch" x1="0" y1="0" x2="0" y2="8"/></pattern>`, id)
	fmt.Fprintf(&s.b, `<marker id="%s-a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path class="arrowhead" d="M0 0L8 4L0 8z"/></marker></defs>`, id)
}

func (s *svg) close() template.HTML {
	s.b.WriteString("</svg>")
	return template.HTML(s.b.String())
}

func (s *svg) rect(class string, x, y, w, h, r float64) {
	fmt.Fprintf(&s.b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%.0f"/>`, class, x, y, max(w, 0.5), h, r)
}

// band is a hatched rectangle with a tooltip.
func (s *svg) band(id, class string, x, y, w, h float64, tip string) {
	fmt.Fprintf(&s.b, `<rect class="%s" fill="url(#%s-h)" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`, class, id, x, y, max(w, 1), h, html.EscapeString(tip))
}

func (s *svg) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&s.b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

func (s *svg) arrow(id, class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&s.b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" marker-end="url(#%s-a)"/>`, class, x1, y1, x2, y2, id)
}

func (s *svg) path(class, d string) { fmt.Fprintf(&s.b, `<path class="%s" d="%s"/>`, class, d) }

func (s *svg) text(class string, x, y float64, t string) {
	fmt.Fprintf(&s.b, `<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, html.EscapeString(t))
}

func (s *svg) circle(class string, x, y, r float64) {
	fmt.Fprintf(&s.b, `<circle class="%s" cx="%.1f" cy="%.1f" r="%.1f"/>`, class, x, y, r)
}

// tip is an invisible area with a tooltip.
func (s *svg) tip(x, y, w, h float64, t string) {
	fmt.Fprintf(&s.b, `<rect class="tip" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`, x, y, w, h, html.EscapeString(t))
}

// short cuts a text for a place that has room for n runes.
func short(t string, n int) string {
	r := []rune(t)
	if len(r) <= n {
		return t
	}
	return string(r[:n-1]) + "…"
}
