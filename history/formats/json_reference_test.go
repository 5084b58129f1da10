package formats

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

// tokenReader is a second reader of JSON, by encoding/json's tokens.
type tokenReader struct {
	in    *input
	dec   *json.Decoder
	stack []term
	arena []term
	// closed says that the outer array ended.
	closed bool
}

func newTokenReader(in *input) *tokenReader {
	dec := json.NewDecoder(bytes.NewReader(in.data))
	dec.UseNumber()
	return &tokenReader{in: in, dec: dec}
}

func (r *tokenReader) pos() int { return int(r.dec.InputOffset()) }

func (r *tokenReader) wrap(err error) error {
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
func (r *tokenReader) next() (t term, ok bool, err error) {
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
			number := jsonNumber(0, string(v))
			cur.kind, cur.num, cur.text = number.kind, number.num, number.text
		case string:
			cur.kind, cur.text = termString, v
		}
		if len(open) == 0 {
			return cur, true, nil
		}
		r.stack = append(r.stack, cur)
	}
}

// FuzzJSON wants the same values of both readers, and errors of both or of none.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-0,0.5,1e9,12345678901234567890,"\u00e9\ud83d\ude00\ud800x\n",null,true,false]} [] 7`,
		`[1,]`, `{"a":1,}`, `{"a" 1}`, `[01]`, `[-]`, `"\x"`, "\"\xff\"", `[[[`, `{}{}`, `1 2`, "\"\t\"", `tru`, `nul`, `1.`, `1e`, `]`, `,`, `000`, `[000]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := &input{label: "f", data: data}
		mine, other := newJSONReader(in), newTokenReader(in)
		for {
			a, more, err := mine.next()
			b, others, wrong := other.next()
			// The tokens do not see that something is amiss after a value.
			if wrong == nil && other.closed {
				return
			}
			// Between values that are not in an array the tokens take 01 for two numbers,
			// RFC 8259 has no such number.
			if wrong == nil && err != nil && strings.Contains(err.Error(), "leading zeros") {
				return
			}
			if (err == nil) != (wrong == nil) || err == nil && more != others {
				t.Fatalf("%v, %v; encoding/json: %v, %v", more, err, others, wrong)
			}
			if err != nil || !more {
				return
			}
			if !reflect.DeepEqual(plain(&a), plain(&b)) {
				t.Fatalf("%s; encoding/json: %s", a.String(), b.String())
			}
		}
	})
}

// plain is t without places.
func plain(t *term) term {
	out := term{kind: t.kind, num: t.num, text: t.text}
	for i := range t.kids {
		out.kids = append(out.kids, plain(&t.kids[i]))
	}
	return out
}
