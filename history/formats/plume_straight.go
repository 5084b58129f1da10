package formats

import (
	"bytes"

	"github.com/lapse-test/lapse/history"
)

// plumeStraight reads a file in which each transaction stands in one piece, the numbers of
// transactions ascend and nobody writes 0, as generators write them: then what is read
// need not be kept until the end of the file. It is nil for every other file, broken ones
// too, whose errors are told by readPlumeApart.
func plumeStraight(in *input) *clocklessBuilder {
	c := newClockless("plume", true)
	in.again()
	sessions := map[uint64]int32{}
	session, sessionOf := uint64(0), int32(-1)
	txn, reserved := int64(-1), false // txn: the greatest so far
	open := false                     // the transaction txn may go on
	flush := func() {
		c.end(sessionOf, history.OK)
		open = false
	}
	rest, sample := in.data, max(leastSample, len(in.data)/32)
	for len(rest) > 0 {
		op, s, n := scanPlume(rest)
		if n == 0 {
			if n = blankLine(rest); n == 0 {
				return nil
			}
			rest = rest[n:]
			continue
		}
		rest = rest[n:]
		in.passed(len(in.data) - len(rest))
		if op.write && op.value == 0 {
			return nil
		}
		if op.txn != txn && open {
			flush()
		}
		if s != session || sessionOf < 0 {
			if open {
				return nil // one transaction in two sessions
			}
			of, known := sessions[s]
			if !known {
				of = int32(len(sessions))
				sessions[s] = of
			}
			session, sessionOf = s, of
		}
		switch {
		case op.txn == -1 && !op.write:
			continue
		case op.txn == -1:
			c.write(c.key(op.key), c.value(op.value))
			c.end(sessionOf, history.Fail)
			continue
		case !open && op.txn <= txn:
			return nil
		}
		txn, open = op.txn, true
		if k := c.key(op.key); op.write {
			c.write(k, c.value(op.value))
		} else {
			c.read(k, c.value(op.value))
		}
		if read := len(in.data) - len(rest); !reserved && read > sample {
			reserved = true
			c.b.Expect(shareOfLines(in.data, read))
		}
	}
	if open {
		flush()
	}
	return c
}

// leastSample is from how many bytes on the rest of a file is taken to be like its beginning.
const leastSample = 1 << 16

// shareOfLines is the share of the lines of data that begin in its first read bytes. Bytes
// tell less: the numbers in a line grow.
func shareOfLines(data []byte, read int) float64 {
	newline := []byte{'\n'}
	before := bytes.Count(data[:read], newline)
	return float64(max(before, 1)) / float64(max(before, 1)+bytes.Count(data[read:], newline))
}

// blankLine is the length of the line that data begins with if it holds spaces alone, with
// its end; 0 if it does not.
func blankLine(data []byte) int {
	n := bytes.IndexByte(data, '\n') + 1
	if n == 0 {
		n = len(data)
	}
	if len(bytes.TrimSpace(data[:n])) > 0 {
		return 0
	}
	return n
}

// scanPlume is parsePlume for the line that data begins with: n is its length with its end,
// 0 if it is not one of the format without any space. It looks at each byte once.
func scanPlume(data []byte) (op plumeOp, session uint64, n int) {
	if len(data) < 4 || data[0] != 'r' && data[0] != 'w' || data[1] != '(' {
		return op, 0, 0
	}
	op.write = data[0] == 'w'
	at := 2
	for _, to := range [...]*uint64{&op.key, &op.value, &session} {
		n, after, ok := digits(data, at, ',')
		if !ok {
			return op, 0, 0
		}
		*to, at = n, after
	}
	if bytes.HasPrefix(data[at:], []byte("-1)")) {
		op.txn, at = -1, at+3
	} else {
		txn, after, ok := digits(data, at, ')')
		if !ok {
			return op, 0, 0
		}
		op.txn, at = int64(txn), after
	}
	end := lineEnd(data[at:])
	if end < 0 {
		return op, 0, 0
	}
	return op, session, at + end
}

// digits is the number of at most 18 digits at data[at:] that end follows, and where it goes
// on behind that.
func digits(data []byte, at int, end byte) (n uint64, after int, ok bool) {
	from := at
	for ; at < len(data); at++ {
		c := data[at] - '0'
		if c > 9 {
			break
		}
		n = n*10 + uint64(c)
	}
	if at == from || at-from > 18 || at == len(data) || data[at] != end {
		return 0, 0, false
	}
	return n, at + 1, true
}
