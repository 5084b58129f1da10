package formats

import (
	"bytes"
	"regexp"
	"strconv"

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

var (
	histLine  = regexp.MustCompile(`^\[\s*[A-Za-z_][A-Za-z0-9_]*(:=|==)`)
	histEvent = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(?::=(\d+)|==(\d+|\?))`)
)

// readDbcopHist reads transactions in brackets, followed by ! if they did not
// commit. == ? is a read of a variable that was never written.
func readDbcopHist(in *input) (*history.History, error) {
	c := newClockless("dbcop-hist", false)
	session := int32(0)
	err := in.lines(func(pos int, line []byte) error {
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
				m := histEvent.FindSubmatch(rest)
				if m == nil {
					return in.errAt(pos, "expected x:=1, x==1, x==? or ], found %s", show(rest))
				}
				digits := m[2]
				if digits == nil {
					digits = m[3]
				}
				v := history.Absent
				if digits[0] != '?' {
					n, err := strconv.ParseInt(string(digits), 10, 64)
					if err != nil {
						return in.errAt(pos, "expected a version below 2^63, found %s", show(digits))
					}
					v = history.Value(n)
				}
				if m[2] != nil {
					c.write(c.b.Key(string(m[1])), v)
				} else {
					c.read(c.b.Key(string(m[1])), v)
				}
				rest = rest[len(m[0]):]
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
