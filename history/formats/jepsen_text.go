package formats

import (
	"bytes"

	"github.com/lapse-test/lapse/history"
)

// jepsenTextFormat is Jepsen's history.txt: process, type, function, value and error
// of an operation a line, with tabs between them.
func jepsenTextFormat() Format {
	return Format{
		Name:    "jepsen-txt",
		Summary: "Jepsen's history.txt: process, type, function, value and error, with tabs between them",
		detect: func(head []byte) bool {
			line, _, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte("\n"))
			return isJepsenText(line)
		},
		read: func(in *input) (*history.History, error) { return readJepsen(in, jepsenTextSource(in), "jepsen-txt") },
	}
}

// isJepsenText tells whether line is one operation.
func isJepsenText(line []byte) bool {
	f := bytes.SplitN(line, []byte("\t"), 4)
	if len(f) < 3 || len(f[0]) == 0 || f[0][0] == '{' || bytes.ContainsRune(f[0], ' ') {
		return false
	}
	switch string(bytes.TrimSpace(f[1])) {
	case ":invoke", ":ok", ":fail", ":info":
		return true
	}
	return false
}

// jepsenTextSource makes a tuple [process type f value error] of each line. The error
// is not EDN; lines that are no operations belong to the error before them.
func jepsenTextSource(in *input) termSource {
	return func(f func(*term) error) error {
		r := newEDNReader(in)
		var fields [5]term
		return in.lines(func(pos int, line []byte) error {
			if len(bytes.TrimSpace(line)) == 0 {
				return nil
			}
			if !isJepsenText(line) {
				if pos > 0 {
					return nil
				}
				return in.errAt(pos, "expected process, :invoke, :ok, :fail or :info, :f, value and error with tabs between them, found %s", show(line))
			}
			r.pos = pos
			end := pos + len(line)
			n := 0
			r.reset()
			for ; n < 4 && r.pos < end; n++ {
				t, ok, err := r.form(0, 1)
				if err != nil {
					return err
				}
				if !ok || r.pos > end {
					return in.errAt(pos, "expected the value on one line, found %s", show(line))
				}
				fields[n] = t
				// Spaces are no tabs, but harmless before one.
				for r.pos < end && (in.data[r.pos] == ' ' || in.data[r.pos] == '\t') {
					r.pos++
				}
			}
			if n == 4 && r.pos < end {
				fields[n] = term{kind: termString, pos: r.pos, text: string(bytes.TrimSpace(in.data[r.pos:end]))}
				n++
			}
			return f(&term{kind: termList, pos: pos, kids: fields[:n]})
		})
	}
}
