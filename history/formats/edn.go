package formats

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of EDN and JSON.
const maxDepth = 64

// ednReader reads EDN (github.com/edn-format/edn): nil, booleans, numbers,
// strings, characters, keywords, symbols, vectors, lists, maps, sets, comments and
// discarded forms. Whatever else Clojure prints is an opaque value: tagged literals,
// #object[...], regular expressions, numbers of any base. The tags of collections are
// dropped, as those of records are, and so is metadata.
type ednReader struct {
	in  *input
	pos int
	terms
}

func newEDNReader(in *input) *ednReader { return &ednReader{in: in} }

func ednSpace(c byte) bool {
	return c == ' ' || c == ',' || c == '\n' || c == '\t' || c == '\r' || c == '\f'
}

// ednDelimiters are the bytes that end an atom.
var ednDelimiters = func() (t [256]bool) {
	for _, c := range []byte("()[]{}\";") {
		t[c] = true
	}
	for c := range t {
		t[c] = t[c] || ednSpace(byte(c))
	}
	return t
}()

func ednDelimiter(c byte) bool { return ednDelimiters[c] }

// skip passes white space and comments.
func (r *ednReader) skip() {
	d := r.in.data
	for r.pos < len(d) {
		switch c := d[r.pos]; {
		case ednSpace(c):
			r.pos++
		case c == ';':
			for r.pos < len(d) && d[r.pos] != '\n' {
				r.pos++
			}
		default:
			return
		}
	}
}

// peek is the next significant byte, 0 at the end.
func (r *ednReader) peek() byte {
	r.skip()
	if r.pos >= len(r.in.data) {
		return 0
	}
	return r.in.data[r.pos]
}

// next reads one form; ok is false at the end of the input, or before closer
// (which is then consumed) if that is not 0.
func (r *ednReader) next(closer byte) (t term, ok bool, err error) {
	r.reset()
	return r.form(closer, 0)
}

func (r *ednReader) form(closer byte, depth int) (t term, ok bool, err error) {
	if depth > maxDepth {
		return t, false, r.in.errAt(r.pos, "expected at most %d levels of nesting", maxDepth)
	}
	d := r.in.data
	for {
		c := r.peek()
		if r.pos >= len(d) {
			if closer != 0 {
				return t, false, r.in.errAt(r.pos, "expected %q, found the end of the file", string(closer))
			}
			return t, false, nil
		}
		switch c {
		case closer:
			r.pos++
			return t, false, nil
		case ')', ']', '}':
			return t, false, r.in.errAt(r.pos, "expected a value, found %q, which closes nothing", string(c))
		case '[':
			return r.container(termList, ']', 1, depth)
		case '(':
			return r.container(termList, ')', 1, depth)
		case '{':
			return r.container(termMap, '}', 1, depth)
		case '"':
			t, err = r.str()
			return t, err == nil, err
		case '\\':
			t, err = r.char()
			return t, err == nil, err
		case '^':
			if err := r.metadata(depth); err != nil {
				return t, false, err
			}
			continue
		case '\'', '`', '~', '@':
			// What reads as (quote x) and the like; a printed history has hardly any.
			r.pos++
			continue
		case '#':
			again, t, ok, err := r.dispatch(closer, depth)
			if again && err == nil {
				continue
			}
			return t, ok, err
		}
		t, err = r.atom()
		return t, err == nil, err
	}
}

// dispatch reads what begins with #. again says that it was a discarded form
// or a tag, after which the caller goes on.
func (r *ednReader) dispatch(closer byte, depth int) (again bool, t term, ok bool, err error) {
	d := r.in.data
	at := r.pos
	if r.pos+1 >= len(d) {
		return false, t, false, r.in.errAt(at, "expected a value, found a lone #")
	}
	switch c := d[r.pos+1]; c {
	case '{':
		t, ok, err = r.container(termSet, '}', 2, depth)
		return false, t, ok, err
	case '_':
		r.pos += 2
		_, ok, err = r.form(0, depth+1)
		if err == nil && !ok {
			err = r.in.errAt(at, "expected a value after #_, found the end of the file")
		}
		return true, t, false, err
	case '#':
		// ##Inf, ##-Inf, ##NaN
		r.pos += 2
		t, err = r.atom()
		t.kind = termFloat
		return false, t, err == nil, err
	case '"':
		t, err = r.regex()
		return false, t, err == nil, err
	case '^':
		r.pos++
		return true, t, false, r.metadata(depth)
	case '(', '=', '?', '\'':
		// A function, an evaluation, a reader conditional, a variable.
		if c != '(' {
			r.pos++
		}
		r.pos++
		t, ok, err = r.form(0, depth+1)
		if err == nil && ok {
			return false, r.opaque(at), true, nil
		}
		return false, t, false, r.missing(at, ok, err)
	default:
		// A tag: #inst "...", #jepsen.history.Op{...}. A record's tag may touch
		// its map.
		r.pos++
		for r.pos < len(d) && !ednDelimiter(d[r.pos]) {
			r.pos++
		}
		if r.pos == at+1 {
			return false, t, false, r.in.errAt(at, "expected a tag after #, found %s", show(d[r.pos:]))
		}
		tag := d[at:r.pos]
		t, ok, err = r.form(0, depth+1)
		if err != nil || !ok {
			return false, t, false, r.missing(at, ok, err)
		}
		switch t.kind {
		case termMap, termSet, termList:
			if string(tag) != "#object" {
				return false, t, true, nil
			}
		}
		return false, r.opaque(at), true, nil
	}
}

// missing is the error of a prefix at byte at after which no value came.
func (r *ednReader) missing(at int, ok bool, err error) error {
	if err == nil && !ok {
		return r.in.errAt(at, "expected a value after %s, found the end of the file", show(r.in.data[at:min(at+12, len(r.in.data))]))
	}
	return err
}

// opaque returns the text from byte at to here as a value without parts.
func (r *ednReader) opaque(at int) term {
	return term{kind: termSymbol, pos: at, text: textOf(r.in.data[at:r.pos])}
}

// metadata passes ^{...}, ^:word and ^Type, which say nothing about the value after
// them.
func (r *ednReader) metadata(depth int) error {
	at := r.pos
	r.pos++
	_, ok, err := r.form(0, depth+1)
	return r.missing(at, ok, err)
}

// regex reads #"...", whose backslashes are the expression's own.
func (r *ednReader) regex() (term, error) {
	d := r.in.data
	at := r.pos
	for r.pos += 2; r.pos < len(d); r.pos++ {
		switch d[r.pos] {
		case '\\':
			r.pos++
		case '"':
			r.pos++
			return term{kind: termSymbol, pos: at, text: string(d[at:r.pos])}, nil
		}
	}
	r.pos = min(r.pos, len(d))
	return term{}, r.in.errAt(at, "expected the regular expression to end with a double quote, found the end of the file")
}

func (r *ednReader) container(kind termKind, end byte, skip, depth int) (term, bool, error) {
	at := r.pos
	r.pos += skip
	k := kids{stack: len(r.stack), arena: len(r.arena)}
	n := 0
	for ; ; n++ {
		if c := r.peek(); !ednAtoms[c] {
			r.nest(&k)
		} else if c == ':' && r.keyword(&k) || c != ':' && r.shortInt(&k) {
			continue
		}
		t, ok, err := r.form(end, depth+1)
		if err != nil {
			return term{}, false, err
		}
		if !ok {
			break
		}
		*r.add(&k) = t
	}
	if kind == termMap && n%2 != 0 {
		return term{}, false, r.in.errAt(at, "expected a value for every key of the map, found %d forms", n)
	}
	return term{kind: kind, pos: at, kids: r.end(&k)}, true, nil
}

// ednAtoms are bytes with which nothing begins that has kids, and the closing ones.
var ednAtoms = func() (t [256]bool) {
	for _, c := range []byte(`:"-+)]}\`) {
		t[c] = true
	}
	for c := range 26 {
		t['a'+c], t['A'+c] = true, true
	}
	for c := range 10 {
		t['0'+c] = true
	}
	return t
}()

// shortInt reads an integer without sign, of at most 18 digits: most values of a history
// are such. Otherwise it is false and reads nothing.
func (r *ednReader) shortInt(k *kids) bool {
	d, at := r.in.data, r.pos
	n, i := int64(0), at
	for i < len(d) && d[i]-'0' <= 9 {
		n = n*10 + int64(d[i]-'0')
		i++
	}
	if i == at || i-at > 18 || i < len(d) && !ednDelimiter(d[i]) {
		return false
	}
	r.pos = i
	t := r.add(k)
	t.kind, t.pos, t.num = termInt, at, n
	return true
}

// keyword reads a keyword; it is false and reads nothing if a colon alone stands there.
func (r *ednReader) keyword(k *kids) bool {
	d, at := r.in.data, r.pos
	i := at + 1
	for i < len(d) && !ednDelimiters[d[i]] {
		i++
	}
	if i == at+1 {
		return false
	}
	r.pos = i
	t := r.add(k)
	t.kind, t.pos, t.text = termKeyword, at, textOf(d[at+1:i])
	return true
}

func (r *ednReader) str() (term, error) {
	d := r.in.data
	at := r.pos
	r.pos++
	from := r.pos
	for r.pos < len(d) && d[r.pos] != '"' && d[r.pos] != '\\' {
		r.pos++
	}
	if r.pos < len(d) && d[r.pos] == '"' {
		r.pos++
		return term{kind: termString, pos: at, text: textOf(d[from : r.pos-1])}, nil
	}
	var b strings.Builder
	b.Write(d[from:r.pos])
	for r.pos < len(d) {
		c := d[r.pos]
		r.pos++
		switch c {
		case '"':
			return term{kind: termString, pos: at, text: b.String()}, nil
		case '\\':
			if r.pos >= len(d) {
				break
			}
			e := d[r.pos]
			r.pos++
			switch e {
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case 'n':
				b.WriteByte('\n')
			case 'b':
				b.WriteByte('\b')
			case 'f':
				b.WriteByte('\f')
			case '\\', '"', '\'', '/':
				b.WriteByte(e)
			case 'u':
				if r.pos+4 > len(d) {
					return term{}, r.in.errAt(r.pos, "expected four hexadecimal digits after \\u")
				}
				v, err := strconv.ParseUint(string(d[r.pos:r.pos+4]), 16, 32)
				if err != nil {
					return term{}, r.in.errAt(r.pos, "expected four hexadecimal digits after \\u, found %s", show(d[r.pos:r.pos+4]))
				}
				b.WriteRune(rune(v))
				r.pos += 4
			default:
				// No escape that Clojure prints; kept as it stands.
				b.WriteByte('\\')
				b.WriteByte(e)
			}
		default:
			b.WriteByte(c)
		}
	}
	return term{}, r.in.errAt(at, "expected the string to end with a double quote, found the end of the file")
}

func (r *ednReader) char() (term, error) {
	d := r.in.data
	at := r.pos
	r.pos++
	if r.pos >= len(d) {
		return term{}, r.in.errAt(at, "expected a character after the backslash, found the end of the file")
	}
	_, n := utf8.DecodeRune(d[r.pos:])
	r.pos += n
	for r.pos < len(d) && !ednDelimiter(d[r.pos]) {
		r.pos++
	}
	return term{kind: termString, pos: at, text: textOf(d[at+1 : r.pos])}, nil
}

func (r *ednReader) atom() (term, error) {
	d := r.in.data
	at := r.pos
	for r.pos < len(d) && !ednDelimiter(d[r.pos]) {
		r.pos++
	}
	b := d[at:r.pos]
	if len(b) == 0 {
		return term{}, r.in.errAt(at, "expected a value, found %s", show(d[at:]))
	}
	t := term{pos: at}
	switch c := b[0]; {
	case c == ':':
		if len(b) == 1 {
			return term{}, r.in.errAt(at, "expected a keyword after the colon, found nothing")
		}
		t.kind, t.text = termKeyword, textOf(b[1:])
		return t, nil
	case c >= '0' && c <= '9', (c == '-' || c == '+') && len(b) > 1 && b[1] >= '0' && b[1] <= '9':
		return r.number(at, b)
	}
	switch string(b) {
	case "nil":
		t.kind = termNil
	case "true":
		t.kind, t.num = termBool, 1
	case "false":
		t.kind = termBool
	default:
		t.kind, t.text = termSymbol, textOf(b)
	}
	return t, nil
}

func (r *ednReader) number(at int, b []byte) (term, error) {
	if n, ok := shortInt(b); ok {
		return term{kind: termInt, pos: at, num: n}, nil
	}
	s := strings.TrimPrefix(string(b), "+")
	if n, err := strconv.ParseInt(strings.TrimSuffix(s, "N"), 10, 64); err == nil {
		return term{kind: termInt, pos: at, num: n}, nil
	}
	if n, err := strconv.ParseInt(s, 0, 64); err == nil && isHex(s) {
		return term{kind: termInt, pos: at, num: n}, nil
	}
	return ednNumber(at, s), nil
}

// shortInt is the integer of at most 18 decimal digits that b spells, ok is false for
// everything else: nearly all numbers of a history are such.
func shortInt(b []byte) (n int64, ok bool) {
	digits := b
	if b[0] == '-' || b[0] == '+' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if b[0] == '-' {
		n = -n
	}
	return n, true
}

// isHex tells whether s is spelled as Clojure spells a hexadecimal number.
func isHex(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && !strings.Contains(s, "_")
}

// ednQuote is s as an EDN string.
func ednQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
