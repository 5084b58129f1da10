package formats

import (
	"bytes"
	"regexp"

	"github.com/lapse-test/lapse/history"
)

func dbcopHistFormat() Format {
	return Format{
		Name:    "dbcop-hist",
		Summary: "dbcop's text: [x:=1 y==2 z==?] transactions, --- between sessions",
		detect: func(head []byte) bool {
			return histLine.MatchString(firstLine(head, "//", "---"))
		},
		read: readDbcopHist,
	}
}

var histLine = regexp.MustCompile(`^\[\s*[A-Za-z_][A-Za-z0-9_]*(:=|==)`)

// histEvent is x:=1 or x==1, or x==? of a version ?.
type histEvent struct {
	variable, version []byte
	write             bool
}

// cutHistEvent takes the event with which text begins apart; n is its length, 0 if text
// begins with none.
func cutHistEvent(text []byte) (e histEvent, n int) {
	i := 0
	for i < len(text) && (text[i] == '_' || text[i]|0x20 >= 'a' && text[i]|0x20 <= 'z' || i > 0 && text[i]-'0' <= 9) {
		i++
	}
	if i == 0 || len(text) < i+3 || text[i+1] != '=' || text[i] != ':' && text[i] != '=' {
		return e, 0
	}
	e.variable, e.write = text[:i], text[i] == ':'
	from := i + 2
	if text[from] == '?' && !e.write {
		e.version = text[from : from+1]
		return e, from + 1
	}
	for i = from; i < len(text) && text[i]-'0' <= 9; i++ {
	}
	if i == from {
		return e, 0
	}
	e.version = text[from:i]
	return e, i
}

// readDbcopHist reads transactions in brackets, followed by ! if they did not
// commit. == ? is a read of a variable that was never written.
func readDbcopHist(in *input) (*history.History, error) {
	c := newClockless("dbcop-hist", false)
	session := int32(0)
	var room room
	err := in.lines(func(pos int, line []byte) error {
		room.reserve(c.b, in, pos)
		rest := bytes.TrimSpace(line)
		if len(rest) == 0 || bytes.HasPrefix(rest, []byte("//")) {
			return nil
		}
		if len(bytes.Trim(rest, "-")) == 0 {
			session++
			return nil
		}
		for len(rest) > 0 {
			if rest[0] != '[' {
				return in.errAt(pos, "expected [ before a transaction, found %s", show(rest))
			}
			rest = bytes.TrimLeft(rest[1:], " \t")
			for len(rest) > 0 && rest[0] != ']' {
				e, n := cutHistEvent(rest)
				if n == 0 {
					return in.errAt(pos, "expected x:=1, x==1, x==? or ], found %s", show(rest))
				}
				v := history.Absent
				if e.version[0] != '?' {
					n, ok := number(e.version)
					if !ok {
						return in.errAt(pos, "expected a version below 2^63, found %s", show(e.version))
					}
					v = history.Value(n)
				}
				if k := c.b.Key(textOf(e.variable)); e.write {
					c.write(k, v)
				} else {
					c.read(k, v)
				}
				rest = rest[n:]
				if len(rest) > 0 && rest[0] != ']' && rest[0] != ' ' && rest[0] != '\t' {
					return in.errAt(pos, "expected a space or ] after an event, found %s", show(rest))
				}
				rest = bytes.TrimLeft(rest, " \t")
			}
			if len(rest) == 0 {
				return in.errAt(pos, "expected ] after the transaction, found the end of the line")
			}
			rest = rest[1:]
			outcome := history.OK
			if len(rest) > 0 && rest[0] == '!' {
				outcome = history.Fail
				rest = rest[1:]
			}
			c.end(session, outcome)
			rest = bytes.TrimLeft(rest, " \t")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.history(in)
}
