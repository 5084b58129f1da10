package formats

import (
	"bytes"
	"io"

	"github.com/lapse-test/lapse/history"
)

// termSource hands out the top-level terms of a file one by one. It may be
// asked again, from the beginning.
type termSource func(f func(t *term) error) error

func ednFormat() Format {
	return Format{
		Name:    "edn",
		Summary: "Jepsen and Knossos histories in EDN (also the lines of Viper)",
		detect: func(head []byte) bool {
			s := squeeze([]byte(firstLine(head, ";") + " "))
			if s == "" {
				return false
			}
			switch s[0] {
			case '(', '#', '^':
				return true
			case '{':
				return len(s) == 1 || s[1] == ':'
			case '[':
				if len(s) > 2 && (s[1] == '{' && s[2] == ':' || s[1] == '[' || s[1] == '#') {
					return true
				}
				// A tuple of an old Knossos file, or a vector over many lines.
				return bytes.Contains(head, []byte(":invoke")) || bytes.Contains(head, []byte(":ok"))
			}
			return false
		},
		read:  func(in *input) (*history.History, error) { return readJepsen(in, ednSource(in), "jepsen-edn") },
		write: func(w io.Writer, h *history.History) error { return writeJepsen(w, h, ednSyntax{}) },
		lost:  jepsenLost,
	}
}

func elleJSONFormat() Format {
	return Format{
		Name:    "elle-json",
		Summary: "histories in JSON as elle-cli takes them",
		detect: func(head []byte) bool {
			s := squeeze(head)
			return len(s) > 2 && (s[:2] == "[{" || s[0] == '{') && (bytes.Contains(head, []byte(`"process"`)) || bytes.Contains(head, []byte(`"f"`))) &&
				bytes.Contains(head, []byte(`"type"`)) && !bytes.Contains(head, []byte(`"lapse-history"`))
		},
		read:  func(in *input) (*history.History, error) { return readJepsen(in, jsonSource(in), "elle-json") },
		write: func(w io.Writer, h *history.History) error { return writeJepsen(w, h, jsonSyntax{}) },
		lost:  jepsenLost,
	}
}

// ednSource reads operations one after another, or inside one outer vector or
// list.
func ednSource(in *input) termSource { return ednSourceWith(in, nil) }

// ednSourceWith is ednSource that has plain read as many of the next operations as it can, if it
// is not nil; what comes next is not one that plain reads.
func ednSourceWith(in *input, plain func(r *ednReader) error) termSource {
	return func(f func(*term) error) error {
		r := newEDNReader(in)
		in.again()
		var t term // one for all, instead of one each on the heap
		for {
			closer := byte(0)
			switch r.peek() {
			case '[', '(':
				if end, ok := outerContainer(r); ok {
					r.pos++
					closer = end
				}
			}
			for {
				if plain != nil {
					from := r.pos
					if err := plain(r); err != nil {
						return err
					}
					if c := r.peek(); closer == 0 && r.pos > from && (c == '[' || c == '(') {
						break // it may hold operations
					}
				}
				next, ok, err := r.next(closer)
				if err != nil {
					return err
				}
				if !ok {
					break
				}
				t = next
				if err := f(&t); err != nil {
					return err
				}
				in.passed(r.pos)
				if closer == 0 {
					break
				}
			}
			if r.peek() == 0 && r.pos >= len(in.data) {
				return nil
			}
		}
	}
}

// outerContainer tells whether the vector or list at r holds operations, rather
// than being the tuple [process type f value] of an old Knossos file.
func outerContainer(r *ednReader) (end byte, ok bool) {
	end = ']'
	if r.in.data[r.pos] == '(' {
		end = ')'
	}
	ahead := ednReader{in: r.in, pos: r.pos + 1}
	switch ahead.peek() {
	case '{', '[', '(', '#', end, 0:
		return end, true
	}
	return end, false
}

// jsonSource reads the objects of one outer array, or objects one after
// another.
func jsonSource(in *input) termSource {
	return func(f func(*term) error) error {
		r := newJSONReader(in)
		in.again()
		array := r.enter()
		var t term // one for all, instead of one each on the heap
		for {
			next, ok, err := r.next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			t = next
			if err := f(&t); err != nil {
				return err
			}
			in.passed(r.pos)
		}
		if array && !r.atEnd() {
			return in.errAt(r.pos, "expected the file to end after the array of operations")
		}
		return nil
	}
}
