package formats

import (
	"bytes"

	"github.com/lapse-test/lapse/history"
)

// awditStraight reads a file as generators write it, without a space too many, in one pass.
// Only of the first session is something kept, as long as it may be the initial one. It is
// nil for every other file, broken ones too, whose errors are told by readAWDITApart.
func awditStraight(in *input) *clocklessBuilder {
	r := awditReader{c: newClockless("awdit", false), first: true, initial: map[uint64]bool{}}
	in.again()
	reserved := false
	rest, sample := in.data, max(leastSample, len(in.data)/32)
	for len(rest) > 0 {
		op, n := scanAWDIT(rest)
		if n > 0 {
			if !r.operation(op) {
				return nil
			}
			rest = rest[n:]
			continue
		}
		switch c := rest[0]; c {
		case '-', '=':
			if n = ruler(rest); n > 0 && r.separate(c) {
				r.from = len(in.data) - len(rest) + n
			}
		default:
			n = blankLine(rest)
		}
		if n == 0 {
			return nil
		}
		rest = rest[n:]
		read := len(in.data) - len(rest)
		in.passed(read)
		if !reserved && read > r.from+sample {
			reserved = true
			r.c.b.Expect(shareOfLines(in.data[r.from:], read-r.from))
		}
	}
	if r.first {
		return nil
	}
	r.c.end(r.session, history.OK)
	return r.c
}

// awditReader is where awditStraight is.
type awditReader struct {
	c       *clocklessBuilder
	session int32
	// first: what was read is a first transaction that writes 0 to different keys: initial,
	// in the order of kept.
	first   bool
	kept    []uint64
	initial map[uint64]bool
	from    int // where what is no initial value begins
}

// operation takes an operation. It is false if the first session was none of initial values
// although it looked like one.
func (r *awditReader) operation(op awditOp) bool {
	if r.first && op.write && op.value == 0 && !r.initial[op.key] {
		r.initial[op.key] = true
		r.kept = append(r.kept, op.key)
		return true
	}
	r.noInitial()
	c := r.c
	if c.zero && op.value == 0 && (op.write || !r.initial[op.key]) {
		return false
	}
	if k := c.key(op.key); op.write {
		c.write(k, c.value(op.value))
	} else {
		c.read(k, c.value(op.value))
	}
	return true
}

// noInitial says that the first session is one like the others.
func (r *awditReader) noInitial() {
	if r.first {
		r.first = false
		for _, key := range r.kept {
			r.c.write(r.c.key(key), 0)
		}
	}
}

// separate takes a line of dashes or of equals signs, and tells whether initial values end
// with it.
func (r *awditReader) separate(of byte) bool {
	if of == '=' && r.first && len(r.kept) > 0 {
		r.first, r.c.zero = false, true // and the next session is the first one
		return true
	}
	r.noInitial()
	r.c.end(r.session, history.OK)
	if of == '=' {
		r.session++
	}
	return false
}

// scanAWDIT is awditOp.parse for the line that data begins with: n is its length with its
// end, 0 if it is not one of the format with single spaces. It looks at each byte once.
func scanAWDIT(data []byte) (op awditOp, n int) {
	if len(data) < 5 || data[0] != 'r' && data[0] != 'w' || data[1] != ' ' {
		return op, 0
	}
	op.write = data[0] == 'w'
	key, at, ok := digits(data, 2, ' ')
	if !ok {
		return op, 0
	}
	op.key = key
	from := at
	for ; at < len(data) && data[at]-'0' <= 9; at++ {
		op.value = op.value*10 + uint64(data[at]-'0')
	}
	if at == from || at-from > 18 {
		return op, 0
	}
	end := lineEnd(data[at:])
	if end < 0 {
		return op, 0
	}
	return op, at + end
}

// ruler is the length of the line that data begins with, with its end, if it is made of one
// byte alone; else 0.
func ruler(data []byte) int {
	n := 0
	for n < len(data) && data[n] == data[0] {
		n++
	}
	end := lineEnd(data[n:])
	if end < 0 {
		return 0
	}
	return n + end
}

// lineEnd is the length of the end of a line that data begins with, which is 0 at the end of
// the file; -1 if the line goes on.
func lineEnd(data []byte) int {
	switch {
	case len(data) == 0:
		return 0
	case data[0] == '\n':
		return 1
	case bytes.HasPrefix(data, []byte("\r\n")):
		return 2
	}
	return -1
}
