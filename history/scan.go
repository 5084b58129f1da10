package history

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// scanner reads the JSON of an operation's line. It knows the schema, so that it
// can name the field and the column of what is wrong, refuse a field that is
// there twice, and read a million lines in the time that encoding/json takes for
// a fifth of them; what comes once a file is read by encoding/json. The first
// error is kept; after it every method returns zero.
type scanner struct {
	b   []byte
	at  int
	bad *fieldError

	// The field being read, for errors: txn[mop].name[element].
	name         string
	mop, element int
}

func (s *scanner) reset(line []byte) {
	*s = scanner{b: line, mop: -1, element: -1}
}

// fail keeps what is wrong at the current column.
func (s *scanner) fail(expected string) {
	found := "the end of the line"
	if s.at < len(s.b) {
		found = strconv.QuoteRune(rune(s.b[s.at]))
		if s.b[s.at] >= utf8.RuneSelf {
			r, _ := utf8.DecodeRune(s.b[s.at:])
			found = strconv.QuoteRune(r)
		}
	}
	s.wrong(fmt.Sprintf("column %d: %s, expected %s", s.at+1, found, expected))
}

// wrong keeps what is wrong with the current field.
func (s *scanner) wrong(problem string) {
	if s.bad != nil {
		return
	}
	field := s.name
	if s.mop >= 0 {
		field = "txn[" + strconv.Itoa(s.mop) + "]"
		if s.name != "" {
			field += "." + s.name
		}
	}
	if s.element >= 0 {
		field += "[" + strconv.Itoa(s.element) + "]"
	}
	s.bad = &fieldError{field, problem}
}

// peek is the next byte that is no space, 0 at the end of the line.
func (s *scanner) peek() byte {
	for s.at < len(s.b) {
		switch c := s.b[s.at]; c {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) take(c byte) {
	if s.bad != nil {
		return
	}
	if s.peek() != c {
		s.fail(strconv.QuoteRune(rune(c)))
		return
	}
	s.at++
}

// more tells whether another element comes before the closing byte, which it
// takes. first says that none came yet.
func (s *scanner) more(closing byte, first bool) bool {
	if s.bad != nil {
		return false
	}
	switch c := s.peek(); {
	case c == closing:
		s.at++
		return false
	case first:
		return true
	case c == ',':
		s.at++
		return true
	}
	s.fail("',' or " + strconv.QuoteRune(rune(closing)))
	return false
}

// key is the name of the next field, whose value follows.
func (s *scanner) key() []byte {
	s.name = ""
	k := s.str()
	s.take(':')
	return k
}

// field begins the field called name, which must not have come before.
func (s *scanner) field(name string, seen *uint32, bit uint32) {
	s.name = name
	if *seen&bit != 0 {
		s.wrong("it is there twice")
	}
	*seen |= bit
}

// unknown refuses a field.
func (s *scanner) unknown(key []byte) {
	if s.bad == nil {
		s.wrong("unknown field " + quote(string(key)))
	}
}

// str is a string, valid until the line is.
func (s *scanner) str() []byte {
	if s.bad != nil {
		return nil
	}
	if s.peek() != '"' {
		s.fail("a string")
		return nil
	}
	begin := s.at
	plain := true
	for i := begin + 1; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			s.at = i + 1
			if plain {
				return s.b[begin+1 : i]
			}
			return s.unescape(s.b[begin:s.at])
		case c == '\\':
			plain = false
			i++
		case c < ' ' || c >= utf8.RuneSelf:
			plain = false
		}
	}
	s.at = len(s.b)
	s.fail(`the string's closing '"'`)
	return nil
}

// unescape reads a quoted string with escapes or characters beyond ASCII.
func (s *scanner) unescape(quoted []byte) []byte {
	if !utf8.Valid(quoted) {
		s.wrong("the string is not valid UTF-8")
		return nil
	}
	var v string
	if err := json.Unmarshal(quoted, &v); err != nil {
		s.wrong("the string: " + err.Error())
		return nil
	}
	return []byte(v)
}

// integer is an integer between low and top.
func (s *scanner) integer(low, top int64) int64 {
	if s.bad != nil {
		return 0
	}
	negative := s.peek() == '-'
	begin := s.at
	i := begin
	if negative {
		i++
	}
	digits := i
	var n uint64
	over := false
	for ; i < len(s.b) && s.b[i] >= '0' && s.b[i] <= '9'; i++ {
		over = over || n > (math.MaxUint64-9)/10
		n = n*10 + uint64(s.b[i]-'0')
	}
	switch {
	case i == digits || i > digits+1 && s.b[digits] == '0':
		s.fail("an integer")
		return 0
	case i < len(s.b) && (s.b[i] == '.' || s.b[i] == 'e' || s.b[i] == 'E'):
		s.at = i
		s.fail("an integer without fraction or exponent")
		return 0
	}
	s.at = i
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	v := int64(n)
	if negative {
		v = -v
	}
	if over || n > limit || v < low || v > top {
		s.wrong(fmt.Sprintf("column %d: %s, expected an integer between %d and %d", begin+1, s.b[begin:i], low, top))
		return 0
	}
	return v
}

// boolean is true or false.
func (s *scanner) boolean() bool {
	switch s.peek() {
	case 't':
		return s.word("true", "true or false")
	case 'f':
		s.word("false", "true or false")
		return false
	}
	s.fail("true or false")
	return false
}

// word takes w.
func (s *scanner) word(w, expected string) bool {
	if s.bad != nil {
		return false
	}
	s.peek()
	if len(s.b)-s.at < len(w) || string(s.b[s.at:s.at+len(w)]) != w {
		s.fail(expected)
		return false
	}
	s.at += len(w)
	return true
}

const valueExpected = `an integer, null, a string, or {"base64":"..."}`

// value is a value; texts are interned in b.
func (s *scanner) value(b *Builder) Value {
	switch s.peek() {
	case 'n':
		s.word("null", valueExpected)
		return Absent
	case '"':
		return b.text(s.str())
	case '{':
		s.at++
		if key := s.str(); s.bad == nil && string(key) != "base64" {
			s.wrong(fmt.Sprintf("%s, expected %s", quote(string(key)), valueExpected))
		}
		s.take(':')
		raw, err := base64.StdEncoding.Strict().DecodeString(string(s.str()))
		s.take('}')
		if err != nil {
			s.wrong("base64: " + err.Error())
		}
		if s.bad != nil {
			return 0
		}
		return b.text(raw)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		// What is below stands for Absent and for texts.
		return Value(s.integer(int64(textBase+maxTexts), math.MaxInt64))
	}
	s.fail(valueExpected)
	return 0
}

// end expects nothing more on the line.
func (s *scanner) end() {
	if s.peek(); s.bad == nil && s.at < len(s.b) { // a byte that is 0 is no end
		s.name = ""
		s.fail("the end of the line")
	}
}
