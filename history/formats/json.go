package formats

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

// jsonReader turns JSON into terms, one element of the outer array (or one
// top-level value) at a time.
type jsonReader struct {
	in    *input
	dec   *json.Decoder
	stack []term
	arena []term
	// closed says that the outer array ended.
	closed bool
}

func newJSONReader(in *input) *jsonReader {
	dec := json.NewDecoder(bytes.NewReader(in.data))
	dec.UseNumber()
	return &jsonReader{in: in, dec: dec}
}

func (r *jsonReader) pos() int { return int(r.dec.InputOffset()) }

func (r *jsonReader) wrap(err error) error {
	var syn *json.SyntaxError
	switch {
	case errors.As(err, &syn):
		return r.in.errAt(int(syn.Offset), "expected JSON: %v", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.in.errAt(len(r.in.data), "expected JSON to go on, found the end of the file")
	}
	return r.in.errAt(r.pos(), "expected JSON: %v", err)
}

// next reads one value; ok is false at the end of the enclosing array or of the
// input.
func (r *jsonReader) next() (t term, ok bool, err error) {
	r.stack = r.stack[:0]
	r.arena = r.arena[:0]
	type frame struct {
		kind termKind
		pos  int
		mark int
	}
	var open []frame
	for {
		tok, err := r.dec.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return t, false, nil
		}
		if err != nil {
			return t, false, r.wrap(err)
		}
		cur := term{pos: r.pos() - 1}
		switch v := tok.(type) {
		case json.Delim:
			switch v {
			case '[', '{':
				if len(open) >= maxDepth {
					return t, false, r.in.errAt(cur.pos, "expected at most %d levels of nesting", maxDepth)
				}
				kind := termList
				if v == '{' {
					kind = termMap
				}
				open = append(open, frame{kind, cur.pos, len(r.stack)})
				continue
			}
			if len(open) == 0 {
				r.closed = true
				return t, false, nil
			}
			f := open[len(open)-1]
			open = open[:len(open)-1]
			from := len(r.arena)
			r.arena = append(r.arena, r.stack[f.mark:]...)
			r.stack = r.stack[:f.mark]
			cur = term{kind: f.kind, pos: f.pos, kids: r.arena[from:len(r.arena):len(r.arena)]}
		case nil:
		case bool:
			cur.kind = termBool
			if v {
				cur.num = 1
			}
		case json.Number:
			if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
				cur.kind, cur.num = termInt, n
			} else {
				cur.kind, cur.text = termFloat, string(v)
			}
		case string:
			cur.kind, cur.text = termString, v
		}
		if len(open) == 0 {
			return cur, true, nil
		}
		r.stack = append(r.stack, cur)
	}
}
