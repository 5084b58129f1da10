package formats

import (
	"slices"
	"strconv"
	"strings"
)

// termKind is the kind of a term.
type termKind uint8

const (
	termNil termKind = iota
	termBool
	termInt
	termFloat // and integers beyond 64 bits: kept as text in one spelling
	termString
	termKeyword
	termSymbol
	termList // vectors and lists
	termSet
	termMap // kids are key, value, key, value
)

var termNames = [...]string{"nil", "a boolean", "an integer", "a number", "a string", "a keyword", "a symbol", "a vector", "a set", "a map"}

// term is an EDN or JSON value. Its memory belongs to the parser and is valid
// until the next top-level term is asked for.
type term struct {
	kind termKind
	pos  int
	num  int64
	text string // of strings, keywords (without colon), symbols, floats
	kids []term
}

// terms is the memory of a parser.
type terms struct {
	// arena holds the kids of containers, those of each side by side; stack the kids of
	// containers that are not closed yet.
	arena, stack []term
}

// kids are the kids of a container that is being read: at the end of the arena, unless
// there is a container among them, whose own kids have to go there first.
type kids struct {
	arena, stack int // where they begin
	nested       bool
}

// reset gives up the terms that were handed out.
func (m *terms) reset() { m.arena, m.stack = m.arena[:0], m.stack[:0] }

// add makes room for one more kid, which is zero.
func (m *terms) add(k *kids) *term {
	to := &m.arena
	if k.nested {
		to = &m.stack
	}
	*to = append(*to, term{})
	return &(*to)[len(*to)-1]
}

// nest says that the next kid is, or may be, a container.
func (m *terms) nest(k *kids) {
	if !k.nested {
		m.stack = append(m.stack, m.arena[k.arena:]...)
		m.arena = m.arena[:k.arena]
		k.nested = true
	}
}

// end closes the container.
func (m *terms) end(k *kids) []term {
	// An append that moves the arena leaves earlier kids where they were, which
	// stays valid.
	from := k.arena
	if k.nested {
		from = len(m.arena)
		m.arena = append(m.arena, m.stack[k.stack:]...)
		m.stack = m.stack[:k.stack]
	}
	return m.arena[from:len(m.arena):len(m.arena)]
}

// word is the text of a keyword, string or symbol: JSON has strings where EDN
// has keywords.
func (t *term) word() (string, bool) {
	switch t.kind {
	case termKeyword, termString, termSymbol:
		return t.text, true
	}
	return "", false
}

// get is the value of the map t under the keyword or string name, nil if there
// is none.
func (t *term) get(name string) *term {
	if t.kind != termMap {
		return nil
	}
	for i := 0; i+1 < len(t.kids); i += 2 {
		if w, ok := t.kids[i].word(); ok && w == name {
			return &t.kids[i+1]
		}
	}
	return nil
}

func (t *term) isNil() bool { return t == nil || t.kind == termNil }

// describe names the kind and text of t, for errors.
func (t *term) describe() string {
	if t == nil {
		return "nothing"
	}
	switch t.kind {
	case termNil:
		return "nil"
	case termList, termSet, termMap:
		return termNames[t.kind]
	}
	s := t.String()
	if len(s) > maxShown {
		s = s[:maxShown] + "..."
	}
	return s
}

// String is t in EDN.
func (t *term) String() string {
	var b strings.Builder
	t.print(&b)
	return b.String()
}

// print is recursive; the parsers bound the depth.
func (t *term) print(b *strings.Builder) {
	open, end := "[", "]"
	switch t.kind {
	case termNil:
		b.WriteString("nil")
		return
	case termBool:
		b.WriteString(strconv.FormatBool(t.num != 0))
		return
	case termInt:
		b.WriteString(strconv.FormatInt(t.num, 10))
		return
	case termString:
		b.WriteString(ednQuote(t.text))
		return
	case termKeyword:
		b.WriteString(":" + t.text)
		return
	case termFloat, termSymbol:
		b.WriteString(t.text)
		return
	case termSet:
		open, end = "#{", "}"
	case termMap:
		open, end = "{", "}"
	}
	if t.kind == termMap || t.kind == termSet {
		t.printSorted(b, open, end)
		return
	}
	b.WriteString(open)
	for i := range t.kids {
		if i > 0 {
			b.WriteByte(' ')
		}
		t.kids[i].print(b)
	}
	b.WriteString(end)
}

// printSorted prints a map or a set with its entries in a fixed order, so that equal
// ones have equal texts.
func (t *term) printSorted(b *strings.Builder, open, end string) {
	step := 1
	if t.kind == termMap {
		step = 2
	}
	entries := make([]string, 0, len(t.kids)/step)
	for i := 0; i+step <= len(t.kids); i += step {
		var e strings.Builder
		t.kids[i].print(&e)
		if step == 2 {
			e.WriteByte(' ')
			t.kids[i+1].print(&e)
		}
		entries = append(entries, e.String())
	}
	slices.Sort(entries)
	b.WriteString(open)
	b.WriteString(strings.Join(entries, " "))
	b.WriteString(end)
}
