package formats

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// jsonReader turns JSON into terms, one element of the outer array (or one
// top-level value) at a time. It takes what encoding/json takes and nothing else
// (FuzzJSON compares them); encoding/json's own tokens cost an allocation each, which
// is most of the time that a large history takes.
type jsonReader struct {
	in  *input
	pos int
	terms
	// inside says that the outer array was entered, first that nothing of it was
	// read, closed that it ended.
	inside, first, closed bool
}

func newJSONReader(in *input) *jsonReader { return &jsonReader{in: in} }

// enter goes into the outer array if there is one.
func (r *jsonReader) enter() bool {
	if r.peek() != '[' {
		return false
	}
	r.pos++
	r.inside, r.first = true, true
	return true
}

// peek is the next byte that is no white space, 0 at the end.
func (r *jsonReader) peek() byte {
	d := r.in.data
	for r.pos < len(d) {
		switch c := d[r.pos]; c {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return c
		}
	}
	return 0
}

// atEnd tells whether nothing but white space is left.
func (r *jsonReader) atEnd() bool {
	r.peek()
	return r.pos >= len(r.in.data)
}

// unexpected is the error of what stands at the reader instead of want.
func (r *jsonReader) unexpected(want string) error {
	if r.atEnd() {
		return r.in.errAt(len(r.in.data), "expected JSON to go on, found the end of the file")
	}
	return r.in.errAt(r.pos, "expected JSON: %s, found %s", want, show(r.in.data[r.pos:min(r.pos+8, len(r.in.data))]))
}

// next reads one value; ok is false at the end of the enclosing array or of the
// input. The value is valid until the next call.
func (r *jsonReader) next() (t term, ok bool, err error) {
	r.reset()
	c := r.peek()
	switch {
	case !r.inside:
		if r.pos >= len(r.in.data) {
			return t, false, nil
		}
	case c == ']':
		r.pos++
		r.closed, r.inside = true, false
		return t, false, nil
	case !r.first:
		if c != ',' {
			return t, false, r.unexpected("a comma or ]")
		}
		r.pos++
	}
	r.first = false
	t, err = r.value(0)
	return t, err == nil, err
}

func (r *jsonReader) value(depth int) (term, error) {
	c := r.peek()
	at := r.pos
	switch c {
	case '{', '[':
		if depth >= maxDepth {
			return term{}, r.in.errAt(at, "expected at most %d levels of nesting", maxDepth)
		}
		return r.container(c, depth)
	case '"':
		s, err := r.str()
		return term{kind: termString, pos: at, text: s}, err
	case 't':
		return term{kind: termBool, pos: at, num: 1}, r.literal("true")
	case 'f':
		return term{kind: termBool, pos: at}, r.literal("false")
	case 'n':
		return term{pos: at}, r.literal("null")
	}
	if c == '-' || c >= '0' && c <= '9' {
		return r.number()
	}
	return term{}, r.unexpected("a value")
}

func (r *jsonReader) literal(word string) error {
	if d := r.in.data; len(d)-r.pos < len(word) || string(d[r.pos:r.pos+len(word)]) != word {
		return r.unexpected(word)
	}
	r.pos += len(word)
	return nil
}

func (r *jsonReader) container(open byte, depth int) (term, error) {
	at := r.pos
	r.pos++
	kind, end := termList, byte(']')
	if open == '{' {
		kind, end = termMap, '}'
	}
	k := kids{stack: len(r.stack), arena: len(r.arena)}
	for first := true; ; first = false {
		c := r.peek()
		if c == end {
			r.pos++
			break
		}
		if !first {
			if c != ',' {
				return term{}, r.unexpected("a comma or " + string(end))
			}
			r.pos++
			c = r.peek()
		}
		if kind == termMap {
			key := r.pos
			s, err := r.name()
			if err != nil {
				return term{}, err
			}
			*r.add(&k) = term{kind: termString, pos: key, text: s}
			c = r.peek()
		}
		if c == '{' || c == '[' {
			r.nest(&k)
		} else if r.shortInt(&k) {
			continue
		}
		t, err := r.value(depth + 1)
		if err != nil {
			return term{}, err
		}
		*r.add(&k) = t
	}
	return term{kind: kind, pos: at, kids: r.end(&k)}, nil
}

// name reads the name of a field and the colon behind it.
func (r *jsonReader) name() (string, error) {
	if r.peek() != '"' {
		return "", r.unexpected("a string as a key")
	}
	s, err := r.str()
	if err != nil {
		return "", err
	}
	if r.peek() != ':' {
		return "", r.unexpected("a colon")
	}
	r.pos++
	return s, nil
}

// eachIn calls f where each element of a container begins that was entered, until end, which
// it takes.
func (r *jsonReader) eachIn(end byte, f func() error) error {
	for first := true; ; first = false {
		c := r.peek()
		if c == end {
			r.pos++
			return nil
		}
		if !first {
			if c != ',' {
				return r.unexpected("a comma or " + string(end))
			}
			r.pos++
		}
		if err := f(); err != nil {
			return err
		}
	}
}

// shortInt reads an integer without sign, of at most 18 digits, which ends at a comma or a
// bracket: most values of a history are such. Otherwise it is false and reads nothing.
func (r *jsonReader) shortInt(k *kids) bool {
	d, at := r.in.data, r.pos
	n, i := int64(0), at
	for i < len(d) && d[i]-'0' <= 9 {
		n = n*10 + int64(d[i]-'0')
		i++
	}
	switch length := i - at; {
	case length == 0 || length > 18 || length > 1 && d[at] == '0' || i == len(d):
		return false
	case d[i] != ',' && d[i] != ']' && d[i] != '}':
		return false
	}
	r.pos = i
	t := r.add(k)
	t.kind, t.pos, t.num = termInt, at, n
	return true
}

// number reads what JSON calls a number; integers that fit are integers.
func (r *jsonReader) number() (term, error) {
	d := r.in.data
	at := r.pos
	if d[r.pos] == '-' {
		r.pos++
	}
	n, digits := uint64(0), r.pos
	for r.pos < len(d) && d[r.pos]-'0' <= 9 {
		n = n*10 + uint64(d[r.pos]-'0')
		r.pos++
	}
	switch length := r.pos - digits; {
	case length == 0 || length > 1 && d[digits] == '0':
		r.pos = digits
		return term{}, r.unexpected("a number without leading zeros")
	case r.pos < len(d) && (d[r.pos] == '.' || d[r.pos]|0x20 == 'e'):
	case length <= 18:
		v := int64(n)
		if digits > at {
			v = -v
		}
		return term{kind: termInt, pos: at, num: v}, nil
	default:
		if v, err := strconv.ParseInt(string(d[at:r.pos]), 10, 64); err == nil {
			return term{kind: termInt, pos: at, num: v}, nil
		}
	}
	if r.pos < len(d) && d[r.pos] == '.' {
		r.pos++
		if !r.digits() {
			return term{}, r.unexpected("digits after the point")
		}
	}
	if r.pos < len(d) && d[r.pos]|0x20 == 'e' {
		r.pos++
		if r.pos < len(d) && (d[r.pos] == '+' || d[r.pos] == '-') {
			r.pos++
		}
		if !r.digits() {
			return term{}, r.unexpected("the digits of an exponent")
		}
	}
	return jsonNumber(at, string(d[at:r.pos])), nil
}

func (r *jsonReader) digits() bool {
	d, at := r.in.data, r.pos
	for r.pos < len(d) && d[r.pos]-'0' <= 9 {
		r.pos++
	}
	return r.pos > at
}

// str reads the string at the reader.
func (r *jsonReader) str() (string, error) {
	d := r.in.data
	from := r.pos + 1
	for i := from; i < len(d); i++ {
		switch c := d[i]; {
		case c == '"':
			r.pos = i + 1
			return textOf(d[from:i]), nil
		case c == '\\' || c < ' ' || c >= utf8.RuneSelf:
			r.pos = i
			return r.longString(from)
		}
	}
	r.pos = len(d)
	return "", r.unexpected("the end of a string")
}

// longString goes on with a string that began at from and is no plain ASCII from here
// on. Bytes that are not UTF-8 become U+FFFD.
func (r *jsonReader) longString(from int) (string, error) {
	d := r.in.data
	var b strings.Builder
	b.Write(d[from:r.pos])
	for r.pos < len(d) {
		c := d[r.pos]
		switch {
		case c == '"':
			r.pos++
			return b.String(), nil
		case c < ' ':
			return "", r.in.errAt(r.pos, "expected JSON: a string without control characters, found %q", string(c))
		case c == '\\':
			if err := r.escape(&b); err != nil {
				return "", err
			}
		case c < utf8.RuneSelf:
			b.WriteByte(c)
			r.pos++
		default:
			u, n := utf8.DecodeRune(d[r.pos:])
			b.WriteRune(u)
			r.pos += n
		}
	}
	return "", r.unexpected("the end of a string")
}

func (r *jsonReader) escape(b *strings.Builder) error {
	d := r.in.data
	if r.pos+1 >= len(d) {
		r.pos = len(d)
		return r.unexpected("an escape")
	}
	switch c := d[r.pos+1]; c {
	case '"', '\\', '/':
		b.WriteByte(c)
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'u':
		u, ok := hex4(d[r.pos+2:])
		if !ok {
			return r.unexpected("four hexadecimal digits after \\u")
		}
		r.pos += 6
		if utf16.IsSurrogate(u) {
			// A surrogate without its other half is no character.
			second := rune(-1)
			if len(d)-r.pos >= 6 && d[r.pos] == '\\' && d[r.pos+1] == 'u' {
				if s, ok := hex4(d[r.pos+2:]); ok {
					second = s
				}
			}
			if u = utf16.DecodeRune(u, second); u != utf8.RuneError {
				r.pos += 6
			}
		}
		b.WriteRune(u)
		return nil
	default:
		return r.unexpected("an escape such as \\n")
	}
	r.pos += 2
	return nil
}

func hex4(d []byte) (rune, bool) {
	if len(d) < 4 {
		return 0, false
	}
	n := rune(0)
	for _, c := range d[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		n = n<<4 | rune(c)
	}
	return n, true
}

// textOf is b as a string that shares its memory. The bytes of a file do not change
// while it is read, and whoever keeps a string for longer copies it (as
// history.Builder does), so that the file is not kept with it.
func textOf(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}
